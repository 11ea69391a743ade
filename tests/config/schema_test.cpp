// The JSON Schema for editors says of a file what the loader says.
#include "support.hpp"

#include "config/document.hpp"
#include "config/schema.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <filesystem>

namespace echelon::config::test {
namespace {

using nlohmann::json;

bool is_type(const json& value, const std::string& type) {
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  return type == (value.is_number() ? "number" : value.type_name());
}

/// The part of JSON Schema that ours is made of. @returns What is wrong, first.
std::string check(const json& schema, const json& value, const std::string& path) {
  if (const auto i = schema.find("enum"); i != schema.end()) {
    for (const auto& word : *i)
      if (word == value) return {};
    return path + " is none of the words";
  }
  if (const auto i = schema.find("const"); i != schema.end())
    return *i == value ? std::string{} : path + " is another word";
  if (const auto i = schema.find("oneOf"); i != schema.end()) {
    int fits = 0;
    for (const auto& x : *i)
      fits += check(x, value, path).empty() ? 1 : 0;
    return fits == 1 ? std::string{} : path + " fits none";
  }
  const auto& type = schema.at("type");
  bool fits = false;
  for (const auto& t : type.is_array() ? type : json::array({type}))
    fits = fits || is_type(value, t);
  if (!fits) return path + " has the wrong type";
  if (value.is_number()) {
    const auto x = value.get<double>();
    if (schema.contains("minimum") && x < schema["minimum"]) return path + " is too small";
    if (schema.contains("maximum") && x > schema["maximum"]) return path + " is too large";
    if (schema.contains("exclusiveMinimum") && x <= schema["exclusiveMinimum"])
      return path + " is too small";
  }
  if (value.is_array())
    for (const auto& item : value)
      if (auto why = check(schema.at("items"), item, path + "[]"); !why.empty()) return why;
  if (!value.is_object()) return {};
  for (const auto& name : schema.value("required", json::array()))
    if (!value.contains(name)) return path + " lacks " + name.get<std::string>();
  const auto own = schema.value("properties", json::object());
  for (const auto& [name, x] : value.items()) {
    const auto known = own.find(name);
    const auto& other = schema.at("additionalProperties");
    if (known == own.end() && other.is_boolean()) return path + " has the unknown key " + name;
    const auto why = check(known == own.end() ? other : *known, x, path + '.' + name);
    if (!why.empty()) return why;
  }
  return {};
}

/// A YAML tree as JSON, by the rules of the loader.
json to_json(const yaml_node& x) {
  switch (x.is) {
  case yaml_node::kind::null: return nullptr;
  case yaml_node::kind::map: {
    auto made = json::object();
    for (const auto& [key, value] : x.entries)
      made[key->text] = to_json(*value);
    return made;
  }
  case yaml_node::kind::list: {
    auto made = json::array();
    for (const auto& item : x.items)
      made.push_back(to_json(*item));
    return made;
  }
  case yaml_node::kind::scalar: break;
  }
  if (x.quoted) return x.text;
  const auto parsed = json::parse(x.text, nullptr, false);
  return parsed.is_number() || parsed.is_boolean() ? parsed : json(x.text);
}

std::string by_schema(const std::string& yaml) {
  static const auto schema = json::parse(json_schema());
  diagnostics ignored;
  const auto root = parse_yaml(yaml, "x", ignored);
  return root ? check(schema, to_json(*root), "") : "no YAML";
}

} // namespace

TEST_CASE("the sample configurations fit the JSON Schema", "[schema]") {
  CHECK(by_schema(file_text(source("tests/config/data/seed.yaml"))) == "");
  for (const auto& file : std::filesystem::recursive_directory_iterator{source("configs")}) {
    if (file.path().extension() != ".yaml") continue;
    INFO(file.path());
    auto text = file_text(file.path().string());
    // Files of a folder are parts of one configuration.
    if (text.find("task_groups:") == std::string::npos)
      text += "\ntask_groups: {g: {t: {models: [m]}}}\n";
    CHECK(by_schema(text) == "");
  }
}

TEST_CASE("the JSON Schema refuses what the loader refuses by type, range, word and name",
          "[schema]") {
  const std::string base = "task_groups: {g: {t: {models: [m]}}}\n";
  CHECK(by_schema(base) == "");
  for (const auto& [wrong, why] : std::vector<std::pair<std::string, std::string>>{
           {"server: {threads: 2000}", ".server.threads is too large"},
           {"server: {threds: 2}", ".server has the unknown key threds"},
           {"server: {threads: \"2\"}", ".server.threads has the wrong type"},
           {"server: {total_timeout: 0}", ".server.total_timeout is too small"},
           {"server: {strict: 1}", ".server.strict has the wrong type"},
           {"models: {m: {model: x}}", ".models.m lacks provider"},
           {"polling_pools: {p: {task_groups: [g], rotation_strategy: random}}",
            ".polling_pools.p.rotation_strategy is none of the words"},
           {"concurrency_control: {levels: [{model_level: {limit: 0}}]}",
            ".concurrency_control.levels[].model_level.limit is too small"},
           {"sever: {}", " has the unknown key sever"}})
    CHECK(by_schema(base + wrong) == why);
  CHECK(by_schema("server: {}") == " lacks task_groups");
  CHECK(by_schema("task_groups: {g: {on_context_overflow: maybe, t: {models: [m]}}}")
        == ".task_groups.g.on_context_overflow fits none");
}

TEST_CASE("defaults of the schema are those of an empty section", "[schema]") {
  const std::string base = "models: {m: {provider: p}}\nproviders: {p: {kind: simulator}}\n"
                           "task_groups: {g: {t: {models: [m]}}}\n";
  const auto bare = good(base);
  const auto spelled =
      good(base
           + "server: {}\nglobal_fallback: {circuit_breaker: {}, retry_budget: {}}\n"
             "polling_pools: {p1: {task_groups: [g]}}\n");
  CHECK(bare->server.total_timeout == spelled->server.total_timeout);
  CHECK(bare->server.max_body_bytes == spelled->server.max_body_bytes);
  CHECK(bare->server.max_reply_bytes == spelled->server.max_reply_bytes);
  CHECK(bare->server.drain_timeout == spelled->server.drain_timeout);
  CHECK(bare->server.header_timeout == spelled->server.header_timeout);
  CHECK(bare->server.body_timeout == spelled->server.body_timeout);
  CHECK(bare->server.idle_timeout == spelled->server.idle_timeout);
  CHECK(bare->server.write_timeout == spelled->server.write_timeout);
  CHECK(bare->server.max_header_bytes == spelled->server.max_header_bytes);
  CHECK(bare->server.max_connections == spelled->server.max_connections);
  CHECK(bare->server.max_requests == spelled->server.max_requests);
  CHECK(bare->server.max_memory_bytes == spelled->server.max_memory_bytes);
  CHECK(bare->server.host == spelled->server.host);
  CHECK(bare->server.port == spelled->server.port);
  CHECK(bare->fallback.breaker == spelled->fallback.breaker);
  CHECK(bare->fallback.retry_budget == spelled->fallback.retry_budget);
  CHECK(bare->fallback.retry_delay == spelled->fallback.retry_delay);
  CHECK(bare->fallback.max_attempts == spelled->fallback.max_attempts);
  const pool_config pool{};
  CHECK(spelled->pools[0].failure_threshold == pool.failure_threshold);
  CHECK(spelled->pools[0].recovery_time == pool.recovery_time);
  CHECK(spelled->pools[0].slow_start == pool.slow_start);
  const tier_config tier{};
  CHECK(bare->groups[0].tiers[0].timeout == tier.timeout);
  CHECK(bare->groups[0].tiers[0].max_retries == tier.max_retries);
  const model_config model{};
  CHECK(bare->models.at("m").weight == model.weight);
  CHECK(bare->models.at("m").max_output_tokens == model.max_output_tokens);
}

TEST_CASE("every word that the schema lists is taken by the loader, and no other", "[schema]") {
  const std::vector<std::pair<const section*, std::string>> where{
      {&group_schema(), "task_groups: {g: {KEY: WORD, t: {models: [m]}}}"},
      {&tier_schema(), "task_groups: {g: {t: {models: [m], KEY: WORD}}}"},
      {&pool_schema(), "polling_pools: {q: {task_groups: [g], KEY: WORD}}"},
      {&pool_rate_schema(),
       "polling_pools: {q: {task_groups: [g], rate_limiting: {KEY: WORD, bucket_size: 1, "
       "refill_rate: 1, window_size: 1, max_requests: 1}}}"},
      {&node_schema(), "workflow_nodes: {w: {llm_group: g, KEY: WORD}}"},
      {&rate_schema(), "rate_limiting: {KEY: WORD, token_bucket: {bucket_size: 1, refill_rate: 1}, "
                       "sliding_window: {window_size: 1, max_requests: 1}}"},
      {&provider_schema(), "providers: {p: {KEY: WORD}}"},
      {&model_schema(), "models: {m: {provider: p, KEY: WORD}, n: {provider: p}}"}};
  std::size_t words = 0;
  for (const auto& [in, yaml] : where)
    for (const auto& key : in->keys) {
      auto all = key.words;
      if (all.empty()) continue;
      words += all.size();
      all.push_back("nonsense");
      for (const auto word : all) {
        auto text = yaml;
        text.replace(text.find("KEY"), 3, key.name);
        text.replace(text.find("WORD"), 4, word);
        INFO(text);
        bool refused = false;
        for (const auto& d : load_snippet(text).diagnostics)
          refused = refused || d.rule == "unknown-value";
        CHECK(refused == (word == "nonsense"));
      }
    }
  CHECK(words > 25);
}

} // namespace echelon::config::test
