/// Loading snippets of YAML in tests.
#pragma once

#include "config/load.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace echelon::config::test {

using variables = std::map<std::string, std::string>;

/// Options whose environment is `env` alone.
inline load_options with(const variables& env, bool simulate = false) {
  load_options options;
  options.simulate = simulate;
  options.env = [env](const std::string& name) -> std::optional<std::string> {
    const auto i = env.find(name);
    return i == env.end() ? std::nullopt : std::optional<std::string>{i->second};
  };
  return options;
}

/// The sections that `yaml` lacks, put behind it, where they change no line: provider p, models m
/// and n, group g with tier t.
inline std::string completed(std::string yaml) {
  if (!yaml.empty() && yaml.back() != '\n') yaml += '\n';
  const auto lacks = [own = '\n' + yaml](const std::string& section) {
    return own.find('\n' + section + ':') == std::string::npos;
  };
  if (lacks("providers")) yaml += "providers: {p: {kind: simulator}}\n";
  if (lacks("models")) yaml += "models: {m: {provider: p}, n: {provider: p}}\n";
  if (lacks("task_groups")) yaml += "task_groups: {g: {t: {models: [m]}}}\n";
  return yaml;
}

inline load_result load_snippet(const std::string& yaml, const variables& env = {}) {
  return load_text(completed(yaml), "x", with(env));
}

/// One line per diagnostic, without the name of the file.
inline std::string told(const load_result& result) {
  std::string text;
  for (const auto& d : result.diagnostics)
    text += to_string(d).substr(d.file.size() + 1) + '\n';
  return text;
}

/// The configuration of `yaml`, which must be without any fault.
inline router_config_ptr good(const std::string& yaml, const variables& env = {}) {
  const auto result = load_snippet(yaml, env);
  INFO(yaml);
  REQUIRE(told(result).empty());
  REQUIRE(result.config);
  return result.config;
}

/// What is said of a tier with these settings beside its models.
inline std::string told_of_tier(const std::string& settings) {
  return told(load_snippet("task_groups:\n  g:\n    t: {models: [m], " + settings + "}\n"));
}

inline std::string source(const std::string& path) {
  return std::string{ECHELON_SOURCE_DIR} + '/' + path;
}

inline std::string file_text(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  REQUIRE(in);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

} // namespace echelon::config::test
