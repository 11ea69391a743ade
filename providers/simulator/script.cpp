#include "providers/simulator/script.hpp"

#include "providers/simulator/script_yaml.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace echelon::providers {

namespace {

constexpr auto no_end = std::numeric_limits<std::uint64_t>::max();

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

/// Fills the timing that `node` gives; true if `key` was one of its keys.
bool read_timing(const script_reader& reader, const std::string& key, const YAML::Node& value,
                 script_timing& out) {
  if (key == "latency")
    out.latency = reader.seconds(value, key);
  else if (key == "first_token")
    out.first_token = reader.seconds(value, key);
  else if (key == "per_token")
    out.per_token = reader.seconds(value, key);
  else
    return false;
  return true;
}

script_match read_match(const script_reader& reader, const YAML::Node& node) {
  reader.mapping(node, "match",
                 {"model", "path", "contains", "stream", "header", "nth", "from", "to"});
  script_match out;
  if (node["nth"] && (node["from"] || node["to"]))
    reader.fail(node["nth"].Mark(), "nth excludes from and to");
  for (const auto& entry : node) {
    const auto key = entry.first.Scalar();
    const auto& value = entry.second;
    if (key == "model")
      out.model = reader.text(value, key);
    else if (key == "path")
      out.path = reader.text(value, key);
    else if (key == "contains")
      out.contains = reader.text(value, key);
    else if (key == "stream")
      out.stream = reader.flag(value, key);
    else if (key == "nth")
      out.from = out.to = reader.count(value, key, 1, no_end);
    else if (key == "from")
      out.from = reader.count(value, key, 1, no_end);
    else if (key == "to")
      out.to = reader.count(value, key, 1, no_end);
    else {
      reader.mapping(value, "header", {});
      for (const auto& header : value)
        out.headers[lower(header.first.Scalar())] = reader.text(header.second, "header");
    }
  }
  if (out.to < out.from) reader.fail(node.Mark(), "to is smaller than from");
  return out;
}

/// Fills the ending of `key`; false if `key` is none of the endings.
bool read_ending(const script_reader& reader, const std::string& key, const YAML::Node& value,
                 script_action& out) {
  const auto after = [&](script_ending ending) {
    out.ending = ending;
    out.ending_after = reader.count(value, key, 0, 100000000);
  };
  if (key == "cut_after")
    after(script_ending::cut);
  else if (key == "close_after")
    after(script_ending::close);
  else if (key == "stall_after")
    after(script_ending::stall);
  else if (key == "hang")
    out.ending = reader.flag(value, key) ? script_ending::hang : out.ending;
  else if (key == "drop") {
    const auto how = reader.text(value, key);
    if (how != "reset" && how != "close") reader.fail(value.Mark(), "drop must be reset or close");
    out.ending = how == "reset" ? script_ending::drop_cut : script_ending::drop_close;
  } else
    return false;
  return true;
}

void read_headers(const script_reader& reader, const YAML::Node& node, script_action& out) {
  reader.mapping(node, "headers", {});
  for (const auto& entry : node) {
    const auto name = lower(entry.first.Scalar());
    const auto value = reader.text(entry.second, "header " + name);
    if (value.find_first_of("\r\n") != std::string::npos)
      reader.fail(entry.second.Mark(), "header " + name + " has a line break");
    out.headers.emplace_back(name, value);
  }
}

void read_then(const script_reader& reader, const YAML::Node& node, script_rule& rule) {
  reader.mapping(node, "then",
                 {"status", "body", "headers", "latency", "first_token", "per_token", "text",
                  "words", "cut_after", "close_after", "stall_after", "hang", "drop", "error_event",
                  "error_after", "repeat"});
  auto& out = rule.then;
  std::string ending;
  for (const auto& entry : node) {
    const auto key = entry.first.Scalar();
    const auto& value = entry.second;
    if (read_timing(reader, key, value, out.timing)) continue;
    if (read_ending(reader, key, value, out)) {
      if (!ending.empty())
        reader.fail(entry.first.Mark(), key + " excludes " + ending + ": an answer ends once");
      ending = key;
    } else if (key == "status") {
      out.status = static_cast<int>(reader.count(value, key, 200, 599));
    } else if (key == "body") {
      out.body = value.IsScalar() ? value.Scalar() : reader.json(value).dump();
    } else if (key == "headers") {
      read_headers(reader, value, out);
    } else if (key == "text") {
      out.text = reader.text(value, key);
    } else if (key == "words") {
      out.words = static_cast<std::uint32_t>(reader.count(value, key, 1, 10000000));
    } else if (key == "error_event") {
      out.error_event = reader.json(value);
    } else if (key == "error_after") {
      out.error_after = reader.count(value, key, 0, 100000000);
    } else {
      rule.repeat = reader.count(value, key, 1, no_end);
    }
  }
  if (node["text"] && node["words"]) reader.fail(node["words"].Mark(), "words excludes text");
  if (node["error_after"] && !node["error_event"])
    reader.fail(node["error_after"].Mark(), "error_after needs error_event");
}

simulator_script read_script(const script_reader& reader, const YAML::Node& root) {
  simulator_script out;
  if (!root || root.IsNull()) return out;
  reader.mapping(root, "the script", {"defaults", "rules"});
  if (const auto defaults = root["defaults"]) {
    reader.mapping(defaults, "defaults", {"latency", "first_token", "per_token"});
    for (const auto& entry : defaults)
      read_timing(reader, entry.first.Scalar(), entry.second, out.defaults);
  }
  const auto rules = root["rules"];
  if (!rules) return out;
  if (!rules.IsSequence()) reader.fail(rules.Mark(), "rules must be a list");
  for (const auto& node : rules) {
    reader.mapping(node, "a rule", {"match", "then"});
    script_rule rule;
    rule.then.timing = out.defaults;
    if (node["match"]) rule.match = read_match(reader, node["match"]);
    if (!node["then"]) reader.fail(node.Mark(), "a rule needs 'then'");
    read_then(reader, node["then"], rule);
    out.rules.push_back(std::move(rule));
  }
  return out;
}

} // namespace

simulator_script parse_script(const std::string& text, std::string_view name) {
  const script_reader reader{name};
  try {
    return read_script(reader, YAML::Load(text));
  } catch (const YAML::Exception& error) {
    reader.fail(error.mark, error.msg);
  }
}

simulator_script load_script(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  if (!file.is_open() || file.bad()) throw script_error(path + ": cannot be read");
  return parse_script(text, path);
}

} // namespace echelon::providers
