// Parts of the router written by a host.
#include "tests/api/support.hpp"
#include "tests/providers/upstream/raw_upstream.hpp"

#include <nlohmann/json.hpp>

using namespace echelon;
using namespace echelon::test;
using nlohmann::json;

namespace {

/// A made-up wire format: the last message as plain text, the answer as `key: text` lines.
class line_stream final : public ProviderStream {
public:
  ProviderUpdate feed(std::string_view bytes) override {
    buffer_ += bytes;
    ProviderUpdate x;
    for (auto end = buffer_.find('\n'); end != std::string::npos; end = buffer_.find('\n')) {
      const auto line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      if (line == "end") {
        x.chunks.push_back(R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})");
        x.finished = true;
      } else {
        const json delta{{"choices", {{{"index", 0}, {"delta", {{"content", line}}}}}}};
        x.chunks.push_back(delta.dump());
      }
    }
    return x;
  }

private:
  std::string buffer_;
};

class line_provider final : public ProviderKind {
public:
  [[nodiscard]] ProviderRequest build(const ProviderCall& call) const override {
    ProviderRequest x;
    x.target = call.stream ? "/stream" : "/plain";
    x.headers.emplace_back("x-key", call.api_key);
    x.body =
        call.model + '\n' + json::parse(call.body)["messages"].back()["content"].get<std::string>();
    return x;
  }
  [[nodiscard]] ProviderReply parse(std::string_view body) const override {
    if (body == "throw") throw std::runtime_error("cannot read this");
    ProviderReply x;
    x.completion = json{{"object", "chat.completion"},
                        {"choices",
                         {{{"index", 0},
                           {"message", {{"role", "assistant"}, {"content", std::string{body}}}},
                           {"finish_reason", "stop"}}}},
                        {"usage", {{"prompt_tokens", 3}, {"completion_tokens", 4}}}}
                       .dump();
    return x;
  }
  [[nodiscard]] std::unique_ptr<ProviderStream> read_stream() const override {
    return std::make_unique<line_stream>();
  }
};

std::string lines_config(std::uint16_t port) {
  return "task_groups:\n  g:\n    t: {models: [own], timeout: 20, max_retries: 0}\n"
         "    below: {models: [openai-x], priority: 9, timeout: 20}\n"
         "models:\n  own: {provider: lines, model: m-1}\n  openai-x: {provider: sim, model: x}\n"
         "providers:\n  lines: {kind: lines, api_key: key-1, base_url: \"http://127.0.0.1:"
         + std::to_string(port) + "/base\"}\n  sim: {kind: simulator}\n";
}

Extensions lines() {
  Extensions x;
  x.provider_kinds["lines"] = std::make_shared<line_provider>();
  return x;
}

ConfigOptions with(Extensions x) {
  ConfigOptions options;
  options.extensions = std::move(x);
  return options;
}

} // namespace

TEST_CASE("a provider kind of the host speaks its own wire format", "[api]") {
  raw_upstream upstream{[](raw_peer& peer, int) {
    for (auto text = peer.request(); !text.empty(); text = peer.request()) {
      CHECK_THAT(text, Catch::Contains("x-key: key-1") && Catch::Contains("m-1\nhello"));
      if (text.find("POST /base/stream ") == 0)
        peer.send(ok("one \ntwo\nend\n"));
      else
        peer.send(ok("plain words"));
    }
  }};
  const LlmFactory factory{ConfigManager::from_text(lines_config(upstream.port()), with(lines()))};
  const auto client = factory.create_client_from_group("g.t");
  const auto x = client.call("hello");
  CHECK(x.text == "plain words");
  CHECK(x.route == "g.t/own");
  CHECK(x.usage.completion_tokens == 4);
  std::string text;
  const auto whole =
      client.stream_with_group("g.t", "hello", [&](const Chunk& piece) { text += piece.text; });
  INFO(factory.decision(whole.request_id));
  CHECK(text == "one two");
}

TEST_CASE("what a provider kind throws fails the attempt and moves on", "[api]") {
  raw_upstream upstream{[](raw_peer& peer, int) {
    while (!peer.request().empty())
      peer.send(ok("throw"));
  }};
  const LlmFactory factory{ConfigManager::from_text(lines_config(upstream.port()), with(lines()))};
  const auto x = factory.create_client_from_group("g").call("hello");
  CHECK(x.route == "g.below/openai-x");
  CHECK(x.attempts == 2);
}

TEST_CASE("a kind or strategy that nobody brought is an error that names those known", "[api]") {
  const auto kind = error_of([] { static_cast<void>(ConfigManager::from_text(lines_config(1))); });
  CHECK_THAT(kind.what(), Catch::Contains("lines") && Catch::Contains("openai"));
  Extensions taken;
  taken.rotation_strategies["weighted"] = [](const auto&, auto) {
    return std::vector<std::size_t>{};
  };
  CHECK_THAT(error_of([&] {
               static_cast<void>(ConfigManager::from_text(configuration(), with(taken)));
             }).what(),
             Catch::Contains("weighted"));
}

TEST_CASE("a rotation strategy of the host orders a pool's members", "[api]") {
  auto yaml = configuration();
  yaml.replace(yaml.find("rotation_strategy: round_robin"), 30, "rotation_strategy: last_first ");
  Extensions own;
  own.rotation_strategies["last_first"] = [](const std::vector<RotationMember>& usable,
                                             std::uint64_t turn) {
    if (turn == 2) throw std::runtime_error("a fault of the host");
    return std::vector<std::size_t>{usable.back().index, 99};
  };
  auto options = with(own);
  options.simulate = true;
  const LlmFactory factory{ConfigManager::from_text(yaml, options)};
  const auto client = factory.create_client_from_group("pool");
  for (int i = 0; i < 2; ++i)
    CHECK(client.call("x").route == "fast_group.echelon1/openai-gpt35");
  CHECK_FALSE(client.call("x").route.empty());
}

TEST_CASE("a failure classifier of the host decides what a failure means", "[api]") {
  const temporary_file script{"rules: [{match: {model: gpt-4}, then: {status: 400}}]\n"};
  Extensions own;
  own.failure_classifier = [](const std::string& model, const UpstreamFailure& x) {
    CHECK(model == "openai-gpt4");
    CHECK(x.status == 400);
    CHECK(x.kind == FailureClass::client_fault);
    return FailureClass::model_missing;
  };
  auto options = with(own);
  options.simulate = true;
  FactoryOptions scripted;
  scripted.simulator_script = script.path();
  const LlmFactory factory{ConfigManager::from_text(configuration(), options), scripted};
  // By itself a 400 would end the call.
  CHECK(factory.create_client_from_group("plan_group").call("x").model == "claude-3");
}
