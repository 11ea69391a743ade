// A CAF application: the router lives in its actor system, and an actor of its own asks models by
// message.
//   actors CONFIG TARGET QUESTION... [--simulate]
#include <echelon/caf.hpp>
#include <echelon/echelon.hpp>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <iostream>
#include <vector>

namespace app {

/// A message of the application.
struct question {
  std::uint64_t number = 0;
  std::string text;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, question& x) {
  return f(caf::meta::type_name("question"), x.number, x.text);
}

} // namespace app

CAF_BEGIN_TYPE_ID_BLOCK(app, caf::first_custom_type_id)
CAF_ADD_TYPE_ID(app, (app::question))
CAF_END_TYPE_ID_BLOCK(app)

namespace {

struct app_config : caf::actor_system_config {
  app_config() {
    add_message_types<caf::id_block::app>();
    echelon::add_message_types(*this);
  }
};

struct researcher_state {
  std::size_t open = 0;
};

/// Passes questions on, prints answers, and ends once every question has one.
caf::behavior researcher(caf::stateful_actor<researcher_state>* self, echelon::LlmClient client,
                         std::size_t questions) {
  self->state.open = questions;
  const auto ended = [self] {
    if (--self->state.open == 0) self->quit();
  };
  return {
      [=](const app::question& x) {
        echelon::send_call(client, caf::actor_cast<caf::actor>(self), x.number, client.target(),
                           x.text);
      },
      [=](const echelon::llm_completion& x) {
        std::cout << x.tag << ": " << x.text << std::endl;
        ended();
      },
      [=](const echelon::llm_failure& x) {
        std::cout << x.tag << ": failed: " << x.message << std::endl;
        ended();
      },
  };
}

} // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  echelon::ConfigOptions how;
  if (!words.empty() && words.back() == "--simulate") {
    how.simulate = true;
    words.pop_back();
  }
  if (words.size() < 3) {
    std::cerr << "usage: actors CONFIG TARGET QUESTION... [--simulate]\n";
    return 2;
  }
  app_config config;
  caf::actor_system system{config};
  try {
    const auto factory = echelon::attach(system, echelon::ConfigManager{words[0], how});
    const auto client = factory.create_client_from_group(words[1]);
    const auto actor = system.spawn(researcher, client, words.size() - 2);
    for (std::size_t i = 2; i < words.size(); ++i)
      caf::anon_send(actor, app::question{i - 1, words[i]});
    caf::scoped_actor self{system};
    self->wait_for(actor);
    return 0;
  } catch (const echelon::LlmError& error) {
    std::cerr << "actors: " << error.what() << '\n';
    return 1;
  }
}
