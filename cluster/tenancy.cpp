#include "cluster/tenancy.hpp"

#include <algorithm>

namespace echelon::cluster {

using messages::member;

namespace {

bool in(const std::vector<member>& list, const member& x) {
  return std::find(list.begin(), list.end(), x) != list.end();
}

} // namespace

const tenure* tenancy::find(policy::path_id key) const {
  const auto i = all_.find(key);
  return i == all_.end() ? nullptr : &i->second;
}

bool tenancy::serves(policy::path_id key) const {
  const auto* x = find(key);
  return x != nullptr && x->owner && x->is == standing::ready;
}

void tenancy::begin(policy::path_id key, policy::time_point now) {
  all_.try_emplace(key, tenure{standing::ready, true, {}, 0, now});
}

void tenancy::settled(policy::path_id key) {
  const auto i = all_.find(key);
  if (i != all_.end()) i->second.is = standing::ready;
}

void tenancy::lost(policy::path_id key) {
  const auto i = all_.find(key);
  if (i == all_.end() || i->second.is != standing::pulling) return;
  if (i->second.owner)
    i->second.is = standing::rebuilding;
  else
    all_.erase(i); // Whoever asks us learns that it is lost.
}

void tenancy::change(const messages::view& x, const std::vector<policy::path_id>& keys,
                     policy::time_point now) {
  messages::view before;
  before.members = x.before;
  for (const auto key : keys) {
    const auto* owner = owner_of(x, key);
    const auto* earlier = owner_of(before, key);
    const auto mine = all_.find(key);
    if (owner == nullptr || *owner != self_) {
      if (mine != all_.end()) mine->second.owner = false;
      // Whom we pull from is gone, and we are no heir any more.
      if (mine != all_.end() && mine->second.is == standing::pulling
          && !in(x.members, mine->second.from) && !in(x.left, mine->second.from))
        all_.erase(mine);
      continue;
    }
    if (earlier == nullptr) { // The first view: there is nothing to take over.
      all_[key] = {standing::ready, true, {}, x.epoch, now};
    } else if (*earlier == self_) {
      auto& t =
          all_.try_emplace(key, tenure{standing::rebuilding, true, {}, x.epoch, now}).first->second;
      t.owner = true;
      if (t.is == standing::pulling && !in(x.members, t.from) && !in(x.left, t.from))
        t.is = standing::rebuilding;
    } else if (in(x.members, *earlier) || in(x.left, *earlier)) {
      all_[key] = {standing::pulling, true, *earlier, x.epoch, now};
    } else {
      all_[key] = {standing::rebuilding, true, {}, x.epoch, now};
    }
  }
}

} // namespace echelon::cluster
