#include "gateway/front/wire_text.hpp"

#include "providers/sealed_signature.hpp"

namespace echelon::gateway {

using nlohmann::json;

std::string sse_data(const json& value) {
  return "data: " + dump(value) + "\n\n";
}

std::string sse_event(std::string_view name, const json& value) {
  return "event: " + std::string{name} + "\ndata: " + dump(value) + "\n\n";
}

std::string rename_id(std::string_view id, std::string_view prefix) {
  if (id.starts_with(prefix)) return std::string{id};
  const auto end = id.find_first_of("-_");
  const auto rest = end == std::string_view::npos ? id : id.substr(end + 1);
  return rest.empty() ? make_id(prefix) : std::string{prefix} + std::string{rest};
}

std::int64_t integer_of(const json& value, const char* key, std::int64_t fallback) {
  const auto& number = member(value, key);
  return number.is_number() ? number.get<std::int64_t>() : fallback;
}

const json& first_choice(const json& canonical) {
  static const json none;
  const auto& choices = member(canonical, "choices");
  if (!choices.is_array()) return none;
  for (const auto& choice : choices)
    if (integer_of(choice, "index") == 0) return choice;
  return none;
}

std::string content_text(const json& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string result;
  if (content.is_array())
    for (const auto& part : content)
      result += text_of(part, "text");
  return result;
}

std::string thought_text(const json& message) {
  auto text = text_of(message, "reasoning_content");
  return text.empty() ? text_of(message, "reasoning") : text;
}

std::string sealed_signature(const json& call) {
  const auto& google = member(member(call, "extra_content"), "google");
  const auto signature = text_of(google, "thought_signature");
  return signature.empty() ? std::string{} : providers::seal({text_of(call, "id"), signature});
}

} // namespace echelon::gateway
