/// What people ask of keys and usage, by the admin API or the command line.
#pragma once

#include "accounts/store.hpp"

#include <map>
#include <string>

namespace echelon::accounts {

/// As the admin API answers it: `status` is one of HTTP.
struct store_reply {
  int status = 200;
  nlohmann::json body; ///< Of a failure: `{"error": {"message", "type", "code"}}`.
  [[nodiscard]] bool ok() const { return status < 300; }
};

[[nodiscard]] store_reply failure(int status, const std::string& message, const std::string& code);

/// Makes a key of `{"name", "targets", "rpm_limit", "tpm_limit", "concurrency_limit",
/// "daily_budget", "monthly_budget", "expires"}`, of which all but the name may be left out. 201
/// with the key itself, which nobody can be told again; 400; 409 if the name is taken.
[[nodiscard]] store_reply create_key(store& in, const nlohmann::json& wanted);
/// 200, or 404.
[[nodiscard]] store_reply revoke_key(store& in, const std::string& name);
/// `{"keys": [...]}`, revoked ones too.
[[nodiscard]] store_reply list_keys(store& in);
/// `{"rows": [...], "next_offset": N|null}`; see docs/keys.md for the parameters. 400 for others.
[[nodiscard]] store_reply usage(store& in, const std::map<std::string, std::string>& parameters);

} // namespace echelon::accounts
