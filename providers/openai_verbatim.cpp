#include "providers/openai_verbatim.hpp"

#include "providers/json_text.hpp"

#include <simdjson.h>

#include <cmath>

namespace echelon::providers {

namespace dom = simdjson::dom;
namespace ondemand = simdjson::ondemand;

namespace {

/// Where a member's value stands in a text.
struct span {
  std::size_t at = 0, size = 0;
};

std::optional<span> place_of_model(const simdjson::padded_string& text) {
  thread_local ondemand::parser parser;
  ondemand::document document;
  ondemand::object members;
  if (parser.iterate(text).get(document) != simdjson::SUCCESS) return std::nullopt;
  if (document.get_object().get(members) != simdjson::SUCCESS) return std::nullopt;
  std::optional<span> found;
  for (auto each : members) {
    ondemand::field member;
    std::string_view key;
    if (std::move(each).get(member) != simdjson::SUCCESS) return std::nullopt;
    if (member.unescaped_key().get(key) != simdjson::SUCCESS) return std::nullopt;
    if (key != "model") continue;
    auto raw = member.value().raw_json_token();
    while (!raw.empty() && raw.back() != '"')
      raw.remove_suffix(1);
    if (found || raw.size() < 2 || raw.front() != '"') return std::nullopt;
    found = span{static_cast<std::size_t>(raw.data() - text.data()), raw.size()};
  }
  return found;
}

// As count_of() for nlohmann's values: an integer >= 0, also one that is written as a fraction.
std::int64_t count(const dom::element& of, std::string_view key) {
  dom::element x;
  if (!of.is_object() || of[key].get(x) != simdjson::SUCCESS) return 0;
  std::int64_t n = 0;
  double real = 0;
  if (x.get(n) == simdjson::SUCCESS) return std::max<std::int64_t>(0, n);
  if (x.get(real) != simdjson::SUCCESS) return 0;
  return std::floor(real) == real && real >= 0 && real < 9e15 ? static_cast<std::int64_t>(real) : 0;
}

dom::element part(const dom::element& of, std::string_view key) {
  dom::element found;
  if (of.is_object() && of[key].get(found) == simdjson::SUCCESS) return found;
  return of; // Has no counts of these names.
}

token_usage usage_in(const dom::element& usage) {
  const auto prompt = part(usage, "prompt_tokens_details");
  const auto completion = part(usage, "completion_tokens_details");
  token_usage found;
  found.prompt_tokens = count(usage, "prompt_tokens");
  found.completion_tokens = count(usage, "completion_tokens");
  found.cached_tokens = count(prompt, "cached_tokens");
  found.cache_write_tokens = count(prompt, "cache_write_tokens");
  found.reasoning_tokens = count(completion, "reasoning_tokens");
  return found;
}

/// One role and one content.
bool whole_message(const dom::element& x) {
  dom::object members;
  if (x.get(members) != simdjson::SUCCESS) return false;
  int roles = 0, contents = 0;
  for (const auto& member : members) {
    std::string_view role;
    if (member.key == "content") ++contents;
    if (member.key != "role") continue;
    if (member.value.get(role) != simdjson::SUCCESS || role.empty()) return false;
    ++roles;
  }
  return roles == 1 && contents == 1;
}

bool whole_choices(const dom::element& x) {
  dom::array choices;
  if (x.get(choices) != simdjson::SUCCESS || choices.size() == 0) return false;
  for (const auto& choice : choices) {
    dom::object members;
    if (choice.get(members) != simdjson::SUCCESS) return false;
    int messages = 0;
    for (const auto& member : members) {
      if (member.key != "message") continue;
      if (!whole_message(member.value)) return false;
      ++messages;
    }
    if (messages != 1) return false;
  }
  return true;
}

bool positive(const dom::element& x) {
  std::int64_t n = 0;
  return x.get(n) == simdjson::SUCCESS && n > 0;
}

} // namespace

std::optional<std::string> with_model(std::string_view text, std::size_t at, std::size_t size,
                                      std::string_view model, std::string_view more) {
  const auto end = text.rfind('}');
  if (end == std::string_view::npos || end < at + size) return std::nullopt;
  const auto name = write_json(model);
  std::string out;
  out.reserve(text.size() + name.size() + more.size() + 1);
  out.append(text.substr(0, at)).append(name).append(text.substr(at + size, end - at - size));
  if (!more.empty()) out.append(",").append(more);
  return out.append(text.substr(end));
}

std::optional<std::string> with_model(std::string_view text, std::string_view model,
                                      std::string_view more) {
  if (text.size() > most_kept) return std::nullopt;
  const simdjson::padded_string padded{text};
  const auto place = place_of_model(padded);
  if (!place) return std::nullopt;
  return with_model(text, place->at, place->size, model, more);
}

std::optional<plain_reply> verbatim_completion(std::string_view text) {
  if (text.size() > most_kept) return std::nullopt;
  thread_local dom::parser parser;
  dom::object members;
  if (parser.parse(text.data(), text.size(), true).get(members) != simdjson::SUCCESS)
    return std::nullopt;
  plain_reply found;
  int choices = 0, objects = 0, times = 0, usages = 0;
  for (const auto& [key, value] : members) {
    std::string_view word;
    if (key == "choices") {
      if (++choices > 1 || !whole_choices(value)) return std::nullopt;
    } else if (key == "object") {
      if (++objects > 1 || value.get(word) != simdjson::SUCCESS || word != "chat.completion")
        return std::nullopt;
    } else if (key == "created") {
      if (++times > 1 || !positive(value)) return std::nullopt;
    } else if (key == "usage") {
      if (++usages > 1) return std::nullopt;
      if (value.is_object()) found.usage = usage_in(value);
    } else if (key == "type" || (key == "error" && !value.is_null())) {
      return std::nullopt;
    }
  }
  if (choices == 0 || objects == 0) return std::nullopt;
  found.text = text;
  return found;
}

} // namespace echelon::providers
