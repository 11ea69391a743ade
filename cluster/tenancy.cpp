#include "cluster/tenancy.hpp"

#include <algorithm>

namespace echelon::cluster {

using messages::member;

namespace {

/// Whether it can be asked: a member, or one that has just left.
bool is_in(const messages::view& v, const member& x) {
  return is_among(v.members, x) || is_among(v.left, x);
}

/// Whether what a node has of a placement that it does not own may still be asked for.
bool keep_for_heir(tenure& x, const messages::view& v, const member* owner) {
  if (x.owner && owner != nullptr) x.heir = *owner;
  x.owner = false;
  // It never came to have it: the heir puts it together itself.
  if (x.is == standing::rebuilding) return false;
  // The heir is lost: whoever comes next starts from what the gateways know.
  if (!is_in(v, x.heir)) return false;
  if (x.is != standing::pulling) return true;
  // Whom we ask is lost too, or has become the owner again with it.
  return is_in(v, x.from) && (owner == nullptr || *owner != x.from);
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

void tenancy::begin(policy::path_id key, policy::time_point now, bool anew) {
  const auto is = anew ? standing::ready : standing::rebuilding;
  all_.try_emplace(key, tenure{is, true, {}, {}, 0, now});
}

void tenancy::settled(policy::path_id key) {
  const auto i = all_.find(key);
  if (i != all_.end()) i->second.is = standing::ready;
}

void tenancy::doubt() {
  std::erase_if(all_, [](const auto& x) { return !x.second.owner; });
  for (auto& [key, x] : all_)
    if (x.is == standing::ready) x.is = standing::rebuilding;
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
  // Taken for lost: the heirs have started from what the gateways knew, and what we have is void.
  if (!is_in(x, self_)) return all_.clear();
  messages::view before;
  before.members = x.before;
  for (const auto key : keys) {
    const auto* owner = owner_of(x, key);
    const auto* earlier = owner_of(before, key);
    const auto mine = all_.find(key);
    if (owner == nullptr || *owner != self_) {
      if (mine != all_.end() && !keep_for_heir(mine->second, x, owner)) all_.erase(mine);
      continue;
    }
    if (mine != all_.end()) {
      // What we still have nobody else got from us: handing it over would have taken it away.
      mine->second.owner = true;
      if (mine->second.is == standing::pulling && !is_in(x, mine->second.from))
        mine->second.is = standing::rebuilding;
    } else if (earlier == nullptr) { // The first view: there is nothing to take over.
      all_[key] = {standing::ready, true, {}, {}, x.epoch, now};
    } else if (*earlier != self_ && is_in(x, *earlier)) {
      all_[key] = {standing::pulling, true, *earlier, {}, x.epoch, now};
    } else {
      all_[key] = {standing::rebuilding, true, {}, {}, x.epoch, now};
    }
  }
}

} // namespace echelon::cluster
