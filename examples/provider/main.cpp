// A provider whose wire format the router does not know, a rotation strategy and a failure
// classifier, all written by the host.
//   provider BASE_URL PROMPT [--stream]
// The format: the prompt as plain text in, plain text out; a stream is lines, the last one `.`; a
// failure says in words what it is.
#include <echelon/echelon.hpp>

#include <cstring>
#include <iostream>

namespace {

std::string json_text(std::string_view text) {
  std::string all = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') all += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) all += c;
  }
  return all + '"';
}

class text_stream final : public echelon::ProviderStream {
public:
  echelon::ProviderUpdate feed(std::string_view bytes) override {
    echelon::ProviderUpdate update;
    buffer_ += bytes;
    for (auto end = buffer_.find('\n'); end != std::string::npos; end = buffer_.find('\n')) {
      const auto line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      update.finished = line == ".";
      update.chunks.push_back(update.finished
                                  ? R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})"
                                  : R"({"choices":[{"index":0,"delta":{"content":)"
                                        + json_text(line) + "}}]}");
    }
    return update;
  }

private:
  std::string buffer_;
};

class text_provider final : public echelon::ProviderKind {
public:
  echelon::ProviderRequest build(const echelon::ProviderCall& call) const override {
    echelon::ProviderRequest request;
    request.target = (call.stream ? "/stream/" : "/plain/") + call.model;
    request.headers = {{"content-type", "text/plain"}};
    // A real one would read call.body with its JSON library; the last content is enough here.
    const auto at = call.body.rfind("\"content\":\"");
    const auto from = at + 11;
    request.body = call.body.substr(from, call.body.find('"', from) - from);
    return request;
  }
  echelon::ProviderReply parse(std::string_view body) const override {
    echelon::ProviderReply reply;
    reply.completion =
        R"({"object":"chat.completion","choices":[{"index":0,"finish_reason":"stop",)"
        R"("message":{"role":"assistant","content":)"
        + json_text(body) + "}}]}";
    return reply;
  }
  std::unique_ptr<echelon::ProviderStream> read_stream() const override {
    return std::make_unique<text_stream>();
  }
};

std::string configuration(const std::string& url) {
  return "task_groups:\n"
         "  main: {best: {models: [text-a], timeout: 10, max_retries: 0}}\n"
         "  spare: {best: {models: [text-b], timeout: 10, max_retries: 0}}\n"
         "polling_pools:\n"
         "  all: {task_groups: [main, spare], rotation_strategy: alphabetical}\n"
         "models:\n"
         "  text-a: {provider: own, model: a}\n"
         "  text-b: {provider: own, model: b}\n"
         "providers:\n"
         "  own: {kind: text, base_url: \""
         + url + "\"}\n";
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: provider BASE_URL PROMPT [--stream]\n";
    return 2;
  }
  echelon::ConfigOptions how;
  how.extensions.provider_kinds["text"] = std::make_shared<text_provider>();
  how.extensions.rotation_strategies["alphabetical"] =
      [](const std::vector<echelon::RotationMember>& usable, std::uint64_t) {
        std::vector<std::size_t> order;
        for (const auto& x : usable)
          order.push_back(x.index);
        return order;
      };
  // This provider answers 418 when it is out of tea, which passes.
  how.extensions.failure_classifier = [](const std::string&, const echelon::UpstreamFailure& x) {
    return x.status == 418 ? echelon::FailureClass::server_error : x.kind;
  };
  try {
    const echelon::LlmFactory factory{
        echelon::ConfigManager::from_text(configuration(argv[1]), how)};
    const auto client = factory.create_client_from_group("all");
    if (argc > 3 && std::strcmp(argv[3], "--stream") == 0) {
      const auto whole = client.stream_with_group(
          "all", argv[2], [](const echelon::Chunk& x) { std::cout << x.text << std::flush; });
      std::cout << "\nroute " << whole.route << '\n';
    } else {
      const auto x = client.call(argv[2]);
      std::cout << x.text << "\nroute " << x.route << '\n';
    }
    return 0;
  } catch (const echelon::LlmError& error) {
    std::cerr << "provider: " << error.what() << '\n';
    return 1;
  }
}
