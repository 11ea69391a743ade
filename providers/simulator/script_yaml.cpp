#include "providers/simulator/script_yaml.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

namespace echelon::providers {

namespace {

/// The whole scalar as a number, or nothing.
template <class T>
std::optional<T> number(const std::string& text) {
  T value{};
  const auto* end = text.data() + text.size();
  const auto [at, ec] = std::from_chars(text.data(), end, value);
  if (ec != std::errc{} || at != end) return std::nullopt;
  return value;
}

} // namespace

void script_reader::fail(const YAML::Mark& at, const std::string& text) const {
  auto where = name_ + ':';
  if (!at.is_null())
    where += std::to_string(at.line + 1) + ':' + std::to_string(at.column + 1) + ':';
  throw script_error(where + ' ' + text);
}

void script_reader::mapping(const YAML::Node& node, const std::string& what,
                            std::initializer_list<std::string_view> known) const {
  if (!node.IsMap()) fail(node.Mark(), what + " must be a mapping");
  std::set<std::string> seen;
  for (const auto& entry : node) {
    const auto& key = entry.first;
    if (!key.IsScalar()) fail(key.Mark(), "a key of " + what + " is not a word");
    if (!seen.insert(key.Scalar()).second)
      fail(key.Mark(), "key '" + key.Scalar() + "' is given twice in " + what);
    if (known.size() == 0) continue;
    if (std::find(known.begin(), known.end(), key.Scalar()) != known.end()) continue;
    std::string list;
    for (const auto word : known)
      list += (list.empty() ? "" : ", ") + std::string{word};
    fail(key.Mark(), "unknown key '" + key.Scalar() + "' in " + what + "; known: " + list);
  }
}

std::string script_reader::text(const YAML::Node& node, const std::string& key) const {
  if (!node.IsScalar()) fail(node.Mark(), key + " must be a text");
  return node.Scalar();
}

bool script_reader::flag(const YAML::Node& node, const std::string& key) const {
  if (node.IsScalar() && node.Scalar() == "true") return true;
  if (!node.IsScalar() || node.Scalar() != "false")
    fail(node.Mark(), key + " must be true or false");
  return false;
}

std::uint64_t script_reader::count(const YAML::Node& node, const std::string& key,
                                   std::uint64_t least, std::uint64_t most) const {
  const auto value = node.IsScalar() ? number<std::uint64_t>(node.Scalar()) : std::nullopt;
  if (!value || *value < least || *value > most)
    fail(node.Mark(), key + " must be a whole number from " + std::to_string(least) + " to "
                          + std::to_string(most));
  return *value;
}

std::chrono::nanoseconds script_reader::seconds(const YAML::Node& node,
                                                const std::string& key) const {
  const auto value = node.IsScalar() ? number<double>(node.Scalar()) : std::nullopt;
  if (!value || !std::isfinite(*value) || *value < 0 || *value > 86400)
    fail(node.Mark(), key + " must be a number of seconds from 0 to 86400");
  return std::chrono::nanoseconds{std::llround(*value * 1e9)};
}

nlohmann::json script_reader::json(const YAML::Node& node) const {
  switch (node.Type()) {
  case YAML::NodeType::Undefined:
  case YAML::NodeType::Null: return nullptr;
  case YAML::NodeType::Sequence: {
    auto out = nlohmann::json::array();
    for (const auto& entry : node)
      out.push_back(json(entry));
    return out;
  }
  case YAML::NodeType::Map: {
    auto out = nlohmann::json::object();
    for (const auto& entry : node)
      out[text(entry.first, "a key")] = json(entry.second);
    return out;
  }
  case YAML::NodeType::Scalar: break;
  }
  const auto& word = node.Scalar();
  if (node.Tag() == "!") return word; // Quoted.
  if (word == "true" || word == "false") return word == "true";
  if (word == "null" || word == "~") return nullptr;
  if (const auto whole = number<std::int64_t>(word)) return *whole;
  if (const auto real = number<double>(word); real && std::isfinite(*real)) return *real;
  return word;
}

} // namespace echelon::providers
