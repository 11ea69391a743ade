#include "gateway/front/anthropic_answer.hpp"
#include "gateway/front/anthropic_request.hpp"
#include "gateway/front/anthropic_stream.hpp"
#include "gateway/front/wire_text.hpp"

namespace echelon::gateway {

using nlohmann::json;

namespace {

class messages_front final : public front {
public:
  std::optional<api_error> read(std::string_view text, front_request& out) const override {
    return reading([&] {
      auto& native = out.canonical.native.emplace();
      native.body = parse_object(text);
      auto chat = chat_from_messages(native);
      out.target = text_of(chat, "model");
      out.canonical.op = providers::operation::chat;
      out.canonical.stream = chat.contains("stream");
      out.canonical.tree = std::move(chat);
      out.include_usage = out.canonical.stream;
      out.echo = nullptr;
    });
  }

  std::string answer(const front_request& request, const json& canonical) const override {
    if (const auto native = canonical.find("native"); native != canonical.end())
      return dump(*native);
    return dump(message_from_chat(canonical, request.target));
  }

  std::string error_body(const api_error& error, std::string_view request_id) const override {
    auto body = anthropic_error(error);
    body["request_id"] = request_id.empty() ? json() : json(request_id);
    return dump(body);
  }

  std::unique_ptr<stream_encoder> encode_stream(const front_request& request) const override {
    return std::make_unique<messages_stream>(request.target);
  }
};

} // namespace

const front& anthropic_messages_front() {
  static const messages_front instance;
  return instance;
}

} // namespace echelon::gateway
