#include "gateway/front/openai_error.hpp"
#include "gateway/front/responses_object.hpp"
#include "gateway/front/responses_request.hpp"
#include "gateway/front/responses_stream.hpp"
#include "gateway/front/wire_text.hpp"

namespace echelon::gateway {

using nlohmann::json;

namespace {

class responses_front final : public front {
public:
  std::optional<api_error> read(std::string_view text, front_request& out) const override {
    return reading([&] {
      const auto body = parse_object(text);
      auto chat = chat_from_responses(body);
      out.target = text_of(chat, "model");
      out.canonical.op = providers::operation::chat;
      out.canonical.stream = chat.contains("stream");
      out.canonical.tree = std::move(chat);
      out.include_usage = out.canonical.stream;
      out.echo = response_echo(body);
    });
  }

  std::string answer(const front_request& request, const json& canonical) const override {
    return dump(response_from_chat(canonical, request));
  }

  std::string error_body(const api_error& error, std::string_view) const override {
    return dump(openai_error(error));
  }

  std::unique_ptr<stream_encoder> encode_stream(const front_request& request) const override {
    return std::make_unique<responses_stream>(
        front_request{.target = request.target, .canonical = {}, .echo = request.echo});
  }
};

} // namespace

const front& openai_responses_front() {
  static const responses_front instance;
  return instance;
}

} // namespace echelon::gateway
