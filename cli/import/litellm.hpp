/// LiteLLM's proxy configuration, as a configuration of echelon.
#pragma once

#include "config/diagnostic.hpp"
#include "config/document.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace echelon::cli::litellm {

/// Where deployments are: one for each vendor, address and key.
struct endpoint {
  std::string name, kind, base_url;
  std::string key; ///< `${VAR}`; empty: none.
};

/// One entry of `model_list`.
struct deployment {
  std::string endpoint, model; ///< The vendor's own id.
  std::optional<std::int64_t> rpm, tpm, weight, context_window, max_output;
  std::optional<double> timeout;                         ///< Seconds.
  std::optional<double> input_per_mtok, output_per_mtok; ///< Money for a million LLM tokens.
};

/// All deployments of one `model_name`, and where its requests go on.
struct model_group {
  std::string name; ///< As echelon can call it.
  std::vector<deployment> deployments;
  std::vector<std::string> fallbacks, on_overflow, on_policy; ///< Names of groups as echelon's.
};

/// What of the file has a counterpart.
struct proxy {
  std::map<std::string, endpoint> endpoints;
  std::vector<model_group> groups;                     ///< In file order.
  std::map<std::string, std::string> aliases;          ///< To names of groups.
  std::int64_t retries = 2;                            ///< LiteLLM's own default.
  double timeout = 600, cooldown = 5, retry_after = 0; ///< Seconds; LiteLLM's defaults.
  std::int64_t allowed_fails = 3;
  std::string master_key; ///< `${VAR}`; empty: none.
};

/// Reads the file's tree; whatever has no counterpart is a warning at its place.
[[nodiscard]] proxy read(const config::yaml_ptr& root, config::diagnostics& out);

/// A configuration for `echelon serve`, as YAML.
[[nodiscard]] std::string write(const proxy& x, const std::string& source);

} // namespace echelon::cli::litellm
