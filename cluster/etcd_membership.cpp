#include "cluster/etcd_membership.hpp"

#include <algorithm>
#include <utility>

namespace echelon::cluster {

using messages::member;
using messages::view;
using kind = etcd_call::kind;

namespace {

using namespace std::chrono_literals;

constexpr duration retry_after = 200ms;
constexpr duration read_every = 1s; // Should the watch miss something.

} // namespace

etcd_membership::etcd_membership(membership_settings settings, etcd_membership_settings own)
    : settings_(std::move(settings)), own_(std::move(own)), keys_(settings_.cluster) {}

time_point etcd_membership::lease_until(time_point) const {
  return registered_ && is_member() ? renewed_ + own_.act_for() : time_point{};
}

std::vector<member> etcd_membership::alive(time_point) const {
  std::vector<member> found{settings_.self};
  for (const auto& [node, x] : seen_)
    if (node != settings_.self.node) found.push_back(x.what.who);
  std::sort(found.begin(), found.end());
  return found;
}

std::set<std::string> etcd_membership::differing() const {
  std::set<std::string> found;
  for (const auto& [node, x] : seen_)
    if (x.what.config != settings_.config) found.insert(node);
  return found;
}

void etcd_membership::note(const std::string& key, std::string text) {
  if (noted_.insert(key).second) notes_.push_back(std::move(text));
}

void etcd_membership::tell_reach(bool reached, const std::string& why) {
  if (reached_.value_or(true) != reached)
    notes_.push_back(reached ? "etcd answers again"
                             : "etcd does not answer (" + why
                                   + "): this node stops when its lease runs out, and goes on when "
                                     "etcd is there again");
  reached_ = reached;
}

void etcd_membership::receive(const protocol_message& x, time_point) {
  if (const auto* m = std::get_if<messages::beat>(&x))
    note("static " + m->from.address,
         "node '" + m->from.node + "' at " + m->from.address
             + " has `membership: static`, this one etcd: all nodes need the same");
}

void etcd_membership::advance(time_point now) {
  keep_lease(now);
  if (letting_go_ || data_lane_.open || now < data_lane_.not_before) return;
  if (stale_ || !read_at_ || now - *read_at_ >= read_every)
    read(now);
  else
    write(now);
}

void etcd_membership::ask(lane& by, etcd_call what, time_point now) {
  what.number = ++count_;
  by.open = what;
  by.sent = now;
  calls_.push_back(std::move(what));
}

void etcd_membership::receive(const etcd_answer& x, time_point now) {
  for (auto* by : {&lease_lane_, &data_lane_}) {
    if (!by->open || by->open->number != x.number) continue;
    const bool reading = !by->open->reads.empty();
    by->open.reset();
    tell_reach(x.answered, x.why);
    if (!x.answered) by->not_before = now + retry_after;
    if (by == &lease_lane_) {
      take_lease(x);
    } else if (!x.answered || !reading) {
      stale_ = true; // Whether what we wrote was taken, the next reading tells.
    } else {
      take_members(x);
      take_chain(x, now);
    }
  }
  advance(now);
}

// The lease.

bool etcd_membership::let_go() {
  if (!leaving_) return true;
  letting_go_ = true;
  return let_go_;
}

void etcd_membership::keep_lease(time_point now) {
  auto& by = lease_lane_;
  if (by.open || let_go_) return;
  etcd_call x;
  x.lease = lease_;
  if (letting_go_ && lease_ == 0) {
    let_go_ = true;
  } else if (letting_go_) {
    x.what = kind::revoke;
    ask(by, std::move(x), now);
  } else if (now < by.not_before) {
    return;
  } else if (lease_ == 0 && !leaving_ && now >= join_after_) {
    x.what = kind::grant;
    x.ttl = own_.ttl.count();
    ask(by, std::move(x), now);
  } else if (lease_ != 0 && now - by.sent >= own_.renew_every()) {
    x.what = kind::keep_alive;
    ask(by, std::move(x), now);
  }
}

void etcd_membership::take_lease(const etcd_answer& x) {
  if (x.what == kind::revoke) {
    lease_ = 0; // If it was not done, it ends by itself.
    registered_ = false;
    let_go_ = true;
  } else if (!x.answered) {
    return;
  } else if (x.what == kind::grant) {
    // Less than what we reckon with would let us act for too long.
    if (!x.done || x.ttl < own_.ttl.count()) return;
    lease_ = x.lease;
    renewed_ = lease_lane_.sent;
    stale_ = true;
  } else if (x.lease == lease_ && x.done) {
    renewed_ = lease_lane_.sent;
  } else if (x.lease == lease_) {
    notes_.push_back("this node's lease has ended in etcd: it asks for another one");
    lease_ = 0;
    registered_ = false;
    stale_ = true;
  }
}

// What is in etcd.

void etcd_membership::read(time_point now) {
  etcd_call x;
  const auto head = keys_.head();
  x.reads = {{head, head + '\0'}, keys_.members()};
  // Our own view among them, to see whether it still belongs to the chain.
  x.reads.push_back(keys_.views(view_.epoch));
  stale_ = false;
  read_at_ = now;
  ask(data_lane_, std::move(x), now);
}

void etcd_membership::take_members(const etcd_answer& x) {
  const auto range = keys_.members();
  seen_.clear();
  registered_ = false;
  for (const auto& found : x.found) {
    if (found.key < range.from || found.key >= range.to) continue;
    const auto record = read_record(found.value);
    if (!record || found.key != keys_.member(record->who.node)) {
      note(found.key, "etcd holds something that is no member at " + found.key);
      continue;
    }
    const auto& who = record->who;
    const auto name = "node '" + who.node + "' at " + who.address;
    if (record->protocol != etcd_record{}.protocol) {
      note("protocol " + found.key, name + " speaks cluster protocol "
                                        + std::to_string(record->protocol) + ", not "
                                        + std::to_string(etcd_record{}.protocol) + ": refused");
      continue;
    }
    if (who == settings_.self)
      registered_ = found.lease == lease_ && lease_ != 0;
    else if (who.node == settings_.self.node && who.address != settings_.self.address)
      note("name " + who.address,
           name + " has the name of this node: one of the two must get another");
    if (record->config != settings_.config)
      note("config " + who.node + std::to_string(record->config) + std::to_string(settings_.config),
           name + " runs another configuration");
    seen_[who.node] = {*record, found.revision, found.lease};
  }
}

void etcd_membership::take_chain(const etcd_answer& x, time_point now) {
  up_to_date_ = false;
  std::optional<view> head;
  std::vector<view> later; // In order: etcd sorts by key.
  bool ours = false;
  const auto views = keys_.views(0);
  for (const auto& found : x.found) {
    if (found.key == keys_.head()) {
      head = read_view(found.value);
      head_ = found.revision;
      if (!head) return note("head", "etcd holds something that is no view at " + found.key);
    } else if (found.key >= views.from && found.key < views.to) {
      const auto v = read_view(found.value);
      if (v && v->id == view_.id && v->epoch == view_.epoch) ours = true;
      if (v && v->epoch > view_.epoch) later.push_back(*v);
    }
  }
  if (!head) {
    head_ = 0;
    up_to_date_ = view_.epoch == 0;
    if (!up_to_date_) start_anew(now);
    return;
  }
  if (view_.epoch == 0) {
    // Not behind the view that took this process in: it may have owned something by it.
    const auto takes_us_in = [this](const view& v) { return has_member(v, settings_.self); };
    later.erase(later.begin(), std::find_if(later.begin(), later.end(), takes_us_in));
    if (later.empty()) later.push_back(*head);
    adopt(later.front());
    later.erase(later.begin());
  } else if (!ours || head->epoch < view_.epoch) {
    return start_anew(now);
  }
  for (const auto& v : later) {
    if (v.epoch != view_.epoch + 1 || v.origin != view_.origin) return start_anew(now);
    adopt(v);
  }
  up_to_date_ = head->id == view_.id;
}

/// The chain does not lead on from our view: etcd has lost it, or we were away for too long.
void etcd_membership::start_anew(time_point now) {
  notes_.push_back("the views in etcd do not go on from the one of this node: joining anew");
  ++settings_.self.incarnation;
  view_ = {};
  lived_by_ = 0;
  fresh_.clear();
  lease_ = 0;
  registered_ = up_to_date_ = false;
  // Whoever lost the chain too has stopped by then.
  join_after_ = now + own_.ttl;
  reset_ = stale_ = true;
}

void etcd_membership::adopt(const view& x) {
  view_ = x;
  fresh_.push_back(x);
  wanted_since_.reset();
  std::string names;
  for (const auto& m : x.members)
    names += (names.empty() ? "" : ", ") + m.node;
  note("view " + std::to_string(x.origin) + ' ' + std::to_string(x.epoch),
       "cluster view " + std::to_string(x.epoch) + ": " + (names.empty() ? "nobody" : names));
}

} // namespace echelon::cluster
