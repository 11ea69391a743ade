/// The format of the configuration, once: reading, defaults, ranges, the reference in
/// docs/configuration.md and the JSON Schema for editors all come from here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace echelon::config {

/// How a value is written.
enum class value_kind : std::uint8_t {
  text,    ///< Any scalar.
  word,    ///< One of `words`.
  whole,   ///< A whole number from `least` to `most`.
  number,  ///< A number from `least` to `most`.
  seconds, ///< Seconds with decimals; `least` 0: 0 is allowed, else more than 0.
  flag,    ///< true or false.
  texts,   ///< A list of texts.
  cause,   ///< The word `next`, or a list of groups and tiers.
  map,     ///< A map with the keys of `inner`.
  maps,    ///< A list of maps with the keys of `inner`.
  strings, ///< A map of free names to texts.
};

struct section;

/// One key of a map.
struct key_schema {
  std::string_view name;
  value_kind kind = value_kind::text;
  std::string_view about;              ///< For people.
  std::string_view preset{};           ///< The default, as it would be written; empty: none.
  double least = 1, most = 2147483647; ///< Of whole and number.
  std::vector<std::string_view> words{};
  const section* inner = nullptr;
  bool required = false;
  bool expands = false; ///< `${VAR}` stands for an environment variable.
  bool secret = false;
  std::string_view unit{}; ///< Of whole numbers: `bytes`, `LLM tokens`.
  std::string_view
      absent{}; ///< What holds without the key, where that is no value: `the system's`.
};

/// One kind of map.
struct section {
  std::string_view title; ///< `task_groups.<group>.<tier>`
  std::vector<key_schema> keys;
  const section* named = nullptr; ///< What any other name holds; null: other names are refused.
  std::string_view naming{};      ///< What those names are: `group`.
};

/// The whole file.
[[nodiscard]] const section& root_schema();
// Its parts.
[[nodiscard]] const section& groups_schema();
[[nodiscard]] const section& group_schema();
[[nodiscard]] const section& tier_schema();
[[nodiscard]] const section& thinking_schema();
[[nodiscard]] const section& breaker_schema();
[[nodiscard]] const section& pools_schema();
[[nodiscard]] const section& pool_schema();
[[nodiscard]] const section& pool_rate_schema();
[[nodiscard]] const section& nodes_schema();
[[nodiscard]] const section& node_schema();
[[nodiscard]] const section& task_schema();
[[nodiscard]] const section& permits_schema();
[[nodiscard]] const section& fallback_schema();
[[nodiscard]] const section& budget_schema();
[[nodiscard]] const section& concurrency_schema();
[[nodiscard]] const section& level_schema();
[[nodiscard]] const section& rate_schema();
[[nodiscard]] const section& bucket_schema();
[[nodiscard]] const section& window_schema();
[[nodiscard]] const section& providers_schema();
[[nodiscard]] const section& provider_schema();
[[nodiscard]] const section& models_schema();
[[nodiscard]] const section& model_schema();
[[nodiscard]] const section& price_schema();
[[nodiscard]] const section& server_schema();
[[nodiscard]] const section& front_tls_schema();
[[nodiscard]] const section& auth_schema();
[[nodiscard]] const section& clients_schema();
[[nodiscard]] const section& client_schema();
[[nodiscard]] const section& cluster_schema();
[[nodiscard]] const section& etcd_schema();
[[nodiscard]] const section& tls_schema();
[[nodiscard]] const section& telemetry_schema();
[[nodiscard]] const section& traces_schema();
[[nodiscard]] const section& logs_schema();

/// A map whose names are free and whose values are texts.
[[nodiscard]] const section& free_names();

/// The key of this name, or null.
[[nodiscard]] const key_schema* find_key(const section& of, std::string_view name);

/// The Markdown table of a section.
[[nodiscard]] std::string schema_table(const section& x);
/// Every section that has a table, outermost first.
[[nodiscard]] std::vector<const section*> all_sections();
/// The whole format as a JSON Schema (draft 7), indented.
[[nodiscard]] std::string json_schema();

} // namespace echelon::config
