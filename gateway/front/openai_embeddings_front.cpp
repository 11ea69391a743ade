#include "gateway/front/body_reader.hpp"
#include "gateway/front/openai_chat_front.hpp"
#include "gateway/front/openai_error.hpp"
#include "gateway/front/wire_text.hpp"

#include <algorithm>

namespace echelon::gateway {

using nlohmann::json;

namespace {

bool all_tokens(const json& list) {
  return list.is_array() && !list.empty()
         && std::all_of(list.begin(), list.end(),
                        [](const json& x) { return x.is_number_integer(); });
}

bool valid_input(const json& input) {
  if (input.is_string()) return !input.get_ref<const std::string&>().empty();
  if (!input.is_array() || input.empty()) return false;
  return all_tokens(input) || std::all_of(input.begin(), input.end(), all_tokens)
         || std::all_of(input.begin(), input.end(), [](const json& x) { return x.is_string(); });
}

class embeddings_front final : public front {
public:
  std::optional<api_error> read(std::string_view text, front_request& out) const override {
    return reading([&] {
      auto value = parse_object(text);
      const object_reader body{value, {}};
      out.target = body.required_string("model");
      if (!valid_input(body.required("input")))
        throw invalid("input",
                      "'input' must be a non-empty string, or a non-empty array of strings, "
                      "of tokens or of token arrays.");
      static_cast<void>(body.integer("dimensions", 1));
      static_cast<void>(body.one_of("encoding_format", {"float", "base64"}));
      static_cast<void>(body.string("user"));
      out.canonical.op = providers::operation::embeddings;
      out.canonical.stream = false;
      out.include_usage = false;
      out.echo = nullptr;
      out.canonical.tree = std::move(value);
    });
  }

  std::string answer(const front_request&, const json& canonical) const override {
    return dump(canonical);
  }

  std::string error_body(const api_error& error, std::string_view) const override {
    return dump(openai_error(error));
  }

  // This API has no streams; the chat form is only there to carry an error.
  std::unique_ptr<stream_encoder> encode_stream(const front_request&) const override {
    return std::make_unique<chat_stream>(false);
  }
};

} // namespace

const front& openai_embeddings_front() {
  static const embeddings_front instance;
  return instance;
}

} // namespace echelon::gateway
