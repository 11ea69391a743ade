// Tables and JSON Schema from the format.
#include "config/schema.hpp"

#include "config/times.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <functional>
#include <set>

namespace echelon::config {
namespace {

using nlohmann::json;

std::string quoted(std::string_view x) {
  return '`' + std::string{x} + '`';
}

std::string written(const key_schema& x) {
  const bool open_end = x.most >= 2147483647;
  switch (x.kind) {
  case value_kind::text: return x.secret ? "string, secret" : "string";
  case value_kind::word: {
    std::string list;
    for (auto w : x.words)
      list += (list.empty() ? "" : ", ") + quoted(w);
    return list;
  }
  case value_kind::whole:
  case value_kind::number: {
    std::string text = x.kind == value_kind::whole ? "whole" : "number";
    if (!x.unit.empty()) text += ", " + std::string{x.unit};
    return text
           + (open_end ? ", from " + plain(x.least)
                       : ", " + plain(x.least) + " to " + plain(x.most));
  }
  case value_kind::seconds: return x.least == 0 ? "seconds, from 0" : "seconds, > 0";
  case value_kind::flag: return "switch";
  case value_kind::texts: return x.secret ? "list of strings, secret" : "list of strings";
  case value_kind::cause: return "`next`, or list of `group` or `group.tier`";
  case value_kind::map: return "map, " + quoted(x.inner->title);
  case value_kind::maps: return "list of maps, " + quoted(x.inner->title);
  case value_kind::strings: return x.secret ? "map of strings, secret" : "map of strings";
  }
  return {};
}

std::string otherwise(const key_schema& x) {
  if (x.required) return "required";
  if (!x.preset.empty()) return quoted(x.preset);
  return x.absent.empty() ? "none" : std::string{x.absent};
}

json schema_of(const section& x);

json value_of(const key_schema& x) {
  // A variable may stand for any value of a text.
  switch (x.kind) {
  case value_kind::text: return {{"type", {"string", "number", "boolean"}}};
  case value_kind::word: return {{"enum", x.words}};
  case value_kind::whole: return {{"type", "integer"}, {"minimum", x.least}, {"maximum", x.most}};
  case value_kind::number: return {{"type", "number"}, {"minimum", x.least}, {"maximum", x.most}};
  case value_kind::seconds:
    return {{"type", "number"},
            {x.least == 0 ? "minimum" : "exclusiveMinimum", 0},
            {"maximum", 10'000'000}};
  case value_kind::flag: return {{"type", "boolean"}};
  case value_kind::texts:
    return {{"type", "array"}, {"items", {{"type", {"string", "number", "boolean"}}}}};
  case value_kind::cause:
    return {{"oneOf", {{{"const", "next"}}, {{"type", "array"}, {"items", {{"type", "string"}}}}}}};
  case value_kind::map: return schema_of(*x.inner);
  case value_kind::maps: return {{"type", "array"}, {"items", schema_of(*x.inner)}};
  case value_kind::strings:
    return {{"type", "object"},
            {"additionalProperties", {{"type", {"string", "number", "boolean"}}}}};
  }
  return {};
}

json preset_of(const key_schema& x) {
  if (x.kind == value_kind::text || x.kind == value_kind::word) return x.preset;
  return json::parse(x.preset);
}

json schema_of(const section& x) {
  json made{{"type", "object"}};
  auto properties = json::object();
  auto required = json::array();
  for (const auto& key : x.keys) {
    auto value = value_of(key);
    if (!key.about.empty()) value["description"] = key.about;
    if (!key.preset.empty()) value["default"] = preset_of(key);
    if (key.required) required.push_back(key.name);
    properties[std::string{key.name}] = std::move(value);
  }
  if (!properties.empty()) made["properties"] = std::move(properties);
  if (!required.empty()) made["required"] = std::move(required);
  made["additionalProperties"] = x.named ? schema_of(*x.named) : json(false);
  return made;
}

} // namespace

const section& free_names() {
  static const section x{"", {}};
  return x;
}

const key_schema* find_key(const section& of, std::string_view name) {
  const auto i =
      std::find_if(of.keys.begin(), of.keys.end(), [&](const auto& k) { return k.name == name; });
  return i == of.keys.end() ? nullptr : &*i;
}

std::string schema_table(const section& x) {
  std::string text = "| key | type, range | default | meaning |\n| --- | --- | --- | --- |\n";
  for (const auto& key : x.keys)
    text += "| " + quoted(key.name) + " | " + written(key) + " | " + otherwise(key) + " | "
            + std::string{key.about} + " |\n";
  if (x.named != nullptr && !x.keys.empty())
    text += "| any other name | a " + std::string{x.naming} + ": map, " + quoted(x.named->title)
            + " | at least one | |\n";
  return text;
}

std::vector<const section*> all_sections() {
  std::vector<const section*> found;
  std::set<const section*> seen;
  const std::function<void(const section&)> visit = [&](const section& x) {
    if (!seen.insert(&x).second) return;
    if (!x.keys.empty()) found.push_back(&x);
    if (x.named != nullptr) visit(*x.named);
    for (const auto& key : x.keys)
      if (key.inner != nullptr) visit(*key.inner);
  };
  visit(root_schema());
  return found;
}

std::string json_schema() {
  auto made = schema_of(root_schema());
  made["$schema"] = "http://json-schema.org/draft-07/schema#";
  made["title"] = "echelon configuration";
  return made.dump(2);
}

} // namespace echelon::config
