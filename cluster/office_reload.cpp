// One configuration for all nodes: everyone checks it, then everyone takes it, or nobody does.
#include "cluster/office.hpp"
#include "config/log.hpp"

#include <caf/send.hpp>

namespace echelon::cluster {

using namespace std::chrono_literals;

void office_state::carry_over() {
  running_round r;
  r.number = static_cast<std::uint64_t>(now().time_since_epoch().count());
  r.until = now() + 4s;
  messages::prepare_reload question{core_->settings().self, r.number, {}};
  {
    const std::lock_guard guard{setup_.round->mutex};
    question.files = setup_.round->files;
  }
  differed_ = members_differ();
  if (now() >= core_->lease_until(now())) r.faults.push_back("this node has no quorum");
  if (!part_.whole()) r.faults.push_back("the cluster is split, and all nodes must agree");
  for (const auto& m : core_->current().members)
    if (m != core_->settings().self) r.waiting.insert(m.node);
  for (const auto& node : r.waiting)
    tell(node, question);
  const bool alone = r.waiting.empty() || !r.faults.empty();
  round_ = std::move(r);
  if (alone) end_round();
}

void office_state::take_prepared(const messages::reload_prepared& x) {
  if (!round_ || x.round != round_->number || round_->waiting.erase(x.from.node) == 0) return;
  for (const auto& fault : x.faults)
    round_->faults.push_back("node " + x.from.node + ": " + fault);
  if (round_->waiting.empty()) end_round();
}

/// All have answered, or it took too long.
void office_state::end_round() {
  for (const auto& node : round_->waiting)
    round_->faults.push_back("node " + node + " did not answer");
  if (!part_.whole() && round_->faults.empty())
    round_->faults.push_back("the cluster is split, and all nodes must agree");
  if (round_->faults.empty())
    for (const auto& m : core_->current().members)
      if (m != core_->settings().self)
        tell(m.node, messages::commit_reload{core_->settings().self, round_->number});
  const std::lock_guard guard{setup_.round->mutex};
  setup_.round->done.set_value(std::move(round_->faults));
  round_.reset();
}

void office_state::answer_prepare(const messages::prepare_reload& x) {
  messages::reload_prepared reply{core_->settings().self, x.round, {}};
  // Two at once could end as two configurations.
  if (round_)
    reply.faults.push_back("a reload of its own is under way; try again");
  else
    reply.faults = setup_.hooks.check(x.files);
  if (reply.faults.empty()) prepared_[x.from.node] = x;
  differed_ = members_differ();
  tell(x.from.node, reply);
}

void office_state::take_commit(const messages::commit_reload& x) {
  const auto i = prepared_.find(x.from.node);
  if (i == prepared_.end() || i->second.round != x.round) return;
  log().info("cluster: node '{}' has reloaded, and so do we", x.from.node);
  setup_.hooks.take(i->second.files);
  prepared_.erase(i);
}

} // namespace echelon::cluster
