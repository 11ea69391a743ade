#include "providers/gemini.hpp"
#include "providers/json_read.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace echelon::providers {

using nlohmann::json;

namespace {

constexpr std::size_t max_nodes = 5000;

// Keywords that are taken over as they are.
constexpr std::array<std::string_view, 15> plain_keywords{
    "title",         "description",   "nullable",  "minItems",  "maxItems",
    "minProperties", "maxProperties", "minLength", "maxLength", "pattern",
    "example",       "default",       "minimum",   "maximum",   "propertyOrdering"};

class schema_cleaner {
public:
  explicit schema_cleaner(const json& root) : root_(root) {}

  json clean(const json& schema) {
    // References may unfold without end, or grow beyond all measure.
    if (!schema.is_object() || ++nodes_ > max_nodes) return json::object();
    if (const auto ref = text_of(schema, "$ref"); !ref.empty()) return follow(schema, ref);
    json out = json::object();
    for (const auto keyword : plain_keywords)
      if (const auto it = schema.find(keyword); it != schema.end()) out[std::string{keyword}] = *it;
    add_type(schema, out);
    add_values(schema, out);
    add_format(schema, out);
    add_properties(schema, out);
    add_items(schema, out);
    add_unions(schema, out);
    return out;
  }

private:
  json follow(const json& schema, const std::string& ref) {
    const bool loops = std::find(following_.begin(), following_.end(), ref) != following_.end();
    const auto* target = loops ? nullptr : resolve(ref);
    json out = json::object();
    if (target) {
      following_.push_back(ref);
      out = clean(*target);
      following_.pop_back();
    } else if (loops) {
      out["type"] = "object";
    }
    for (const auto* key : {"description", "title"})
      if (has(schema, key)) out[key] = schema[key];
    return out;
  }

  const json* resolve(const std::string& ref) const {
    if (!ref.starts_with('#')) return nullptr;
    try {
      const json::json_pointer pointer{ref.substr(1)};
      return root_.contains(pointer) ? &root_.at(pointer) : nullptr;
    } catch (const json::exception&) {
      return nullptr; // An anchor, or no pointer at all.
    }
  }

  static void add_type(const json& schema, json& out) {
    const auto& type = member(schema, "type");
    if (type.is_string()) out["type"] = type;
    if (!type.is_array()) return;
    json kinds = json::array();
    for (const auto& kind : type) {
      if (kind == "null")
        out["nullable"] = true;
      else if (kind.is_string())
        kinds.push_back(kind);
    }
    if (kinds.size() == 1) out["type"] = kinds[0];
    if (kinds.size() < 2) return;
    out["anyOf"] = json::array();
    for (auto& kind : kinds)
      out["anyOf"].push_back({{"type", std::move(kind)}});
  }

  // Gemini knows lists of strings only.
  static void add_values(const json& schema, json& out) {
    auto values = member(schema, "enum");
    if (has(schema, "const")) values = json::array({member(schema, "const")});
    if (!values.is_array() || values.empty()) return;
    if (!std::all_of(values.begin(), values.end(), [](const json& x) { return x.is_string(); }))
      return;
    out["enum"] = std::move(values);
    out["type"] = "string";
  }

  static void add_format(const json& schema, json& out) {
    constexpr std::array<std::string_view, 6> known{"enum",   "date-time", "float",
                                                    "double", "int32",     "int64"};
    const auto format = text_of(schema, "format");
    if (std::find(known.begin(), known.end(), format) != known.end()) out["format"] = format;
  }

  void add_properties(const json& schema, json& out) {
    const auto& properties = member(schema, "properties");
    if (!properties.is_object() || properties.empty()) return; // An empty map is refused.
    if (!out.contains("type")) out["type"] = "object";
    for (const auto& [name, value] : properties.items())
      out["properties"][name] = clean(value);
    const auto& required = member(schema, "required");
    if (!required.is_array()) return;
    for (const auto& name : required)
      if (name.is_string() && properties.contains(name.get_ref<const std::string&>()))
        out["required"].push_back(name);
  }

  void add_items(const json& schema, json& out) {
    const auto& items = member(schema, "items");
    const auto& prefix = member(schema, "prefixItems");
    if (items.is_object())
      out["items"] = clean(items);
    else if (prefix.is_array() && !prefix.empty())
      out["items"] = clean(prefix[0]);
    else if (out.value("type", json{}) == "array")
      out["items"] = {{"type", "string"}}; // Gemini demands some kind of items.
  }

  void add_unions(const json& schema, json& out) {
    for (const auto* keyword : {"anyOf", "oneOf"}) {
      const auto& options = member(schema, keyword);
      if (!options.is_array()) continue;
      for (const auto& option : options) {
        if (text_of(option, "type") == "null")
          out["nullable"] = true;
        else
          out["anyOf"].push_back(clean(option));
      }
    }
    const auto& parts = member(schema, "allOf");
    if (!parts.is_array()) return;
    for (const auto& part : parts)
      merge(clean(part), out);
  }

  static void merge(const json& part, json& out) {
    for (const auto& [key, value] : part.items()) {
      if (key == "properties")
        out[key].update(value);
      else if (key == "required")
        for (const auto& name : value)
          out[key].push_back(name);
      else if (!out.contains(key))
        out[key] = value;
    }
  }

  const json& root_;
  std::vector<std::string> following_;
  std::size_t nodes_ = 0;
};

} // namespace

json gemini_schema(const json& schema) {
  auto out = schema_cleaner{schema}.clean(schema);
  const bool has_parts = out.contains("properties") || out.contains("anyOf");
  return has_parts ? std::move(out) : json(nullptr);
}

} // namespace echelon::providers
