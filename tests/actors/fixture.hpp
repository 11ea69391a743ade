/// CAF's deterministic scheduler for Catch2: nothing runs by itself, time moves on demand.
#pragma once

#include "actors/types.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/scoped_actor.hpp>

#include <catch2/catch.hpp>

namespace echelon::test {

class deterministic_fixture {
public:
  struct system_config : caf::actor_system_config {
    system_config() {
      add_message_types<caf::id_block::echelon>();
      set("scheduler.policy", caf::atom("testing"));
      set("logger.console", caf::atom("none"));
    }
  };

  deterministic_fixture()
      : sys(cfg), sched(dynamic_cast<caf::scheduler::test_coordinator&>(sys.scheduler())) {}
  ~deterministic_fixture() {
    sched.clock().cancel_all();
    run();
  }

  /// Delivers messages until none is left; fires no timer.
  void run() {
    while (sched.has_job())
      sched.run_once();
  }
  void advance(caf::timespan d) {
    sched.advance_time(d);
    run();
  }

  system_config cfg;
  caf::actor_system sys;
  caf::scheduler::test_coordinator& sched;
};

} // namespace echelon::test
