#include "gateway/front/openai_chat_front.hpp"

#include "engine/chat_checks.hpp"
#include "gateway/front/body_reader.hpp"
#include "gateway/front/openai_error.hpp"
#include "gateway/front/wire_text.hpp"

namespace echelon::gateway {

using nlohmann::json;

namespace {

bool blank(const json& value) {
  return value.is_null() || (value.is_string() && value.get_ref<const std::string&>().empty());
}

class chat_front final : public front {
public:
  std::optional<api_error> read(std::string_view text, front_request& out) const override {
    if (auto plain = providers::read_plain_chat(text)) {
      out.canonical.op = providers::operation::chat;
      out.canonical.stream = plain->stream;
      out.include_usage = plain->include_usage;
      out.target = plain->model;
      out.echo = nullptr;
      out.canonical.tree = nullptr;
      out.canonical.text = text;
      out.canonical.plain = std::move(plain);
      return std::nullopt;
    }
    return reading([&] {
      bool repeated = false;
      auto value = parse_object(text, &repeated);
      engine::check_chat_request(value);
      const object_reader body{value, {}};
      out.canonical.op = providers::operation::chat;
      out.canonical.stream = body.boolean("stream").value_or(false);
      out.include_usage = false;
      if (const auto* options = body.object("stream_options")) {
        const object_reader reader{*options, body.at("stream_options")};
        out.include_usage = reader.boolean("include_usage").value_or(false);
        static_cast<void>(reader.boolean("include_obfuscation"));
      }
      out.target = body.required_string("model");
      out.echo = nullptr;
      out.canonical.tree = std::move(value);
      // Where a name stands twice, readers differ about which counts.
      out.canonical.text = repeated ? std::string_view{} : text;
    });
  }

  std::string answer(const front_request&, const json& canonical) const override {
    return dump(canonical);
  }

  std::string error_body(const api_error& error, std::string_view) const override {
    return dump(openai_error(error));
  }

  std::unique_ptr<stream_encoder> encode_stream(const front_request& request) const override {
    return std::make_unique<chat_stream>(request.include_usage);
  }
};

} // namespace

// Every chunk of one answer carries the same id, created and model, and every choice its three
// members, whatever the upstream left out (OpenAI's CreateChatCompletionStreamResponse).
void chat_stream::complete(json& chunk) {
  chunk["object"] = "chat.completion.chunk";
  for (const auto* key : {"id", "created", "model"}) {
    auto& value = chunk[key];
    if (!blank(value) && !head_.contains(key)) head_[key] = value;
    if (head_.contains(key)) value = head_[key];
  }
  if (blank(chunk["id"])) chunk["id"] = "";
  if (blank(chunk["created"])) chunk["created"] = 0;
  if (blank(chunk["model"])) chunk["model"] = "";
  auto& choices = chunk["choices"];
  if (!choices.is_array()) choices = json::array();
  for (auto& choice : choices) {
    if (!choice.is_object()) choice = json::object();
    if (!choice.contains("index")) choice["index"] = 0;
    if (!choice.contains("finish_reason")) choice["finish_reason"] = nullptr;
    if (!member(choice, "delta").is_object()) choice["delta"] = json::object();
  }
}

std::string chat_stream::chunk(const json& original) {
  if (closed_ || !original.is_object()) return {};
  auto copy = original;
  copy.erase("obfuscation");
  complete(copy);
  const bool counted = member(copy, "usage").is_object();
  if (counted) usage_ = copy["usage"];
  if (counted && copy["choices"].empty()) return {};
  if (include_usage_)
    copy["usage"] = nullptr;
  else
    copy.erase("usage");
  return sse_data(copy);
}

std::string chat_stream::finish() {
  if (closed_) return {};
  closed_ = true;
  std::string result;
  if (include_usage_ && usage_.is_object()) {
    json last = json::object();
    complete(last);
    last["usage"] = std::move(usage_);
    result = sse_data(last);
  }
  return result + "data: [DONE]\n\n";
}

std::string chat_stream::error(const api_error& error) {
  if (closed_) return {};
  closed_ = true;
  return sse_data(openai_error(error));
}

const front& openai_chat_front() {
  static const chat_front instance;
  return instance;
}

} // namespace echelon::gateway
