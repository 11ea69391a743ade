// Any bytes as a client's body: an error that names what is wrong, or a request that every provider
// either takes or refuses.
#include "gateway/front/front.hpp"
#include "engine/chat_checks.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace echelon;
  if (size == 0) return 0;
  const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
  if (const auto plain = providers::read_plain_chat(text)) {
    // What is read without a tree is nothing that the tree would refuse, and says the same.
    bool repeated = false;
    nlohmann::json tree;
    const auto error = engine::reading([&] {
      tree = engine::parse_object(text, &repeated);
      engine::check_chat_request(tree);
    });
    if (error || repeated || tree["model"] != plain->model) std::abort();
    if (plain->stream != tree.value("stream", false)) std::abort();
  }
  const gateway::front* fronts[] = {
      &gateway::openai_chat_front(), &gateway::openai_embeddings_front(),
      &gateway::openai_responses_front(), &gateway::anthropic_messages_front()};
  const auto& api = *fronts[data[0] % 4];
  gateway::front_request request;
  if (const auto error = api.read(text, request)) {
    if (error->message.empty() || error->status < 400) std::abort();
    static_cast<void>(nlohmann::json::parse(api.error_body(*error, "req_1")));
    return 0;
  }
  if (request.target.empty()) std::abort();
  config::provider_config provider;
  provider.base_url = "http://x";
  config::model_config model;
  model.model = "m";
  for (const auto kind : {config::provider_kind::openai, config::provider_kind::anthropic,
                          config::provider_kind::gemini}) {
    provider.kind = kind;
    const config::tier_parameters none;
    const auto built =
        providers::adapter_for(kind).build(request.canonical, {provider, model, none, "key"});
    if (!built.failure && !nlohmann::json::accept(built.request.body)) std::abort();
  }
  return 0;
}
