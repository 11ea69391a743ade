// A router in the actor system of a CAF application.
#include "tests/api/support.hpp"

#include <echelon/caf.hpp>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>

using namespace echelon;
using namespace echelon::test;

namespace host {

/// A message of the host, to see that its type ids and ours live together.
struct question {
  std::string text;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, question& x) {
  return f(caf::meta::type_name("question"), x.text);
}

} // namespace host

CAF_BEGIN_TYPE_ID_BLOCK(host_app, caf::first_custom_type_id)
CAF_ADD_TYPE_ID(host_app, (host::question))
CAF_END_TYPE_ID_BLOCK(host_app)

namespace {

struct host_config : caf::actor_system_config {
  explicit host_config(bool knows = true) {
    add_message_types<caf::id_block::host_app>();
    if (knows) echelon::add_message_types(*this);
    set("scheduler.max-threads", std::size_t{2});
  }
};

ConfigManager simulated() {
  ConfigOptions options;
  options.simulate = true;
  return ConfigManager::from_text(configuration(), options);
}

struct asker_state {
  std::string streamed;
  caf::actor listener;
};

/// An actor of the host that asks a model.
caf::behavior asker(caf::stateful_actor<asker_state>* self, const LlmClient& client,
                    const caf::actor& to) {
  self->state.listener = to;
  return {
      [=](const host::question& x) {
        static_cast<void>(
            send_stream(client, caf::actor_cast<caf::actor>(self), 7, "fast_group", x.text));
      },
      [=](const llm_chunk& x) {
        CHECK(x.tag == 7);
        self->state.streamed += x.text;
      },
      [=](const llm_completion& x) {
        CHECK(x.text == self->state.streamed);
        self->send(self->state.listener, x.text, x.route);
      },
      [=](const llm_failure& x) { self->send(self->state.listener, x.message, std::string{}); },
  };
}

} // namespace

TEST_CASE("a router lives in the host's actor system beside the host's own actors", "[api]") {
  host_config config;
  caf::actor_system system{config};
  const auto before = system.registry().running();
  {
    const auto factory = attach(system, simulated());
    CHECK(system.registry().running() > before);
    const auto client = factory.create_client_from_group("fast_group");
    CHECK(client.call("direct").text == "Simulated gpt-35 answer to: direct");
    caf::scoped_actor self{system};
    const auto uut = system.spawn(asker, client, caf::actor_cast<caf::actor>(self));
    self->send(uut, host::question{"why"});
    self->receive([&](const std::string& text, const std::string& route) {
      CHECK(text == "Simulated gpt-35 answer to: why");
      CHECK(route == "fast_group.echelon1/openai-gpt35");
    });
    // A failure is a message too.
    static_cast<void>(send_call(client, caf::actor_cast<caf::actor>(self), 9, "nowhere", "x"));
    self->receive([&](const llm_failure& x) {
      CHECK(x.tag == 9);
      CHECK(x.status == 404);
      CHECK(static_cast<ErrorKind>(x.kind) == ErrorKind::unknown_target);
    });
    self->send_exit(uut, caf::exit_reason::user_shutdown);
  }
  // The router has left the host's system as it was.
  system.registry().await_running_count_equal(before);
}

TEST_CASE("a host system that lacks our messages is told so", "[api]") {
  host_config config{false};
  caf::actor_system system{config};
  const auto error = error_of([&] { static_cast<void>(attach(system, simulated())); });
  CHECK(error.kind() == ErrorKind::configuration);
  CHECK_THAT(error.what(), Catch::Contains("add_message_types"));
  // As a member of a cluster it needs CAF's middleman too.
  host_config good;
  caf::actor_system plain{good};
  FactoryOptions member;
  member.node = "a";
  member.cluster_listen = "127.0.0.1:0";
  const auto lacking = error_of([&] { static_cast<void>(attach(plain, simulated(), member)); });
  CHECK_THAT(lacking.what(), Catch::Contains("middleman"));
}
