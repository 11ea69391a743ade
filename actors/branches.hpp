/// What this node may start at actors of other nodes by leases, and what it tells them of it.
/// Thread-safe. CAF-facing by its includes alone.
#pragma once

#include "actors/level_core.hpp"
#include "actors/types.hpp"
#include "policy/lease.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace echelon::actors {

/// Admissions of this node's requests, actor by actor.
struct admission_counts {
  std::atomic<std::uint64_t> own{0};    ///< By an actor that lives here.
  std::atomic<std::uint64_t> leased{0}; ///< By a lease.
  std::atomic<std::uint64_t> remote{0}; ///< Sent to another node.
};

class branches {
public:
  /// `tag`: upper bits of the ids of this node's requests.
  branches(std::shared_ptr<const directory> where, std::uint32_t tag)
      : where_(std::move(where)), tag_(tag) {}

  /// Actors that left give back what they were lent; those whose settings changed too.
  void apply(const policy::topology& x, policy::time_point now);
  /// `wake` is called when something is due, from any thread. Null: nothing is borrowed.
  void set_wake(std::function<void()> wake);
  /// Name of this node; borrows from now on.
  void enable(std::string node);
  /// Nothing is borrowed from now on; what is lent goes back as it ends.
  void close();

  /// Takes the request as far as leases reach. Nothing: it goes on to the first of its route.
  [[nodiscard]] std::optional<messages::admit_reply> pass(messages::admit_request& msg,
                                                          policy::time_point now);
  /// Ends what a lease began. @returns False if the actor must be told `msg` (which may now say
  /// that it was a lease's).
  [[nodiscard]] bool release(messages::report_outcome& msg, policy::time_point now);

  /// Ends what leases began before `before` and this node does not hold any more: the answer that
  /// would have told it got lost. `held`: everything that it holds.
  void reconcile(const std::vector<messages::actor_holdings>& held, policy::time_point before,
                 policy::time_point now);
  /// All leases are void, at once; what they began is nobody's.
  void drop_all(policy::time_point now);
  /// The owner of this placement is lost: its leases are void. @returns What they began and what
  /// has not ended, which the new owner counts as its own, and the terms that it is to lend by.
  std::vector<messages::actor_holdings> drop(policy::path_id place, policy::time_point now);

  /// Claims that should go out now.
  [[nodiscard]] std::vector<messages::claim_lease> due(policy::time_point now);
  void accept(policy::path_id actor, const policy::lease_terms& x, policy::time_point now);
  void missed(policy::path_id actor, std::uint64_t serial, policy::time_point now);
  [[nodiscard]] messages::claim_lease recall(policy::path_id actor, policy::time_point now);

  [[nodiscard]] const admission_counts& counts() const { return counts_; }
  /// By an actor that lives here.
  void note_own(policy::hold_id hold);

private:
  struct branch {
    branch(const policy::actor_spec& spec, policy::time_point now);
    std::mutex mutex;
    policy::path_id place = 0;
    policy::actor_spec spec;
    level_core core; // Without limits: it only chooses who is next.
    policy::lease_account account;
    bool changed = false; // All goes back first.
    bool gone = false;    // No part of the hierarchy any more.
  };
  [[nodiscard]] std::shared_ptr<branch> find(policy::path_id id) const;
  [[nodiscard]] std::vector<std::pair<policy::path_id, std::shared_ptr<branch>>> all() const;
  [[nodiscard]] messages::claim_lease claim_of(policy::path_id id, policy::lease_claim x) const;
  void wake();

  std::shared_ptr<const directory> where_;
  std::uint32_t tag_;
  mutable std::mutex mutex_;
  std::string node_;
  std::unordered_map<policy::path_id, std::shared_ptr<branch>> branches_;
  std::function<void()> wake_;
  std::atomic<bool> enabled_{false}, woken_{false};
  admission_counts counts_;
};

} // namespace echelon::actors
