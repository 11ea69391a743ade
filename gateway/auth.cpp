#include "gateway/auth.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <utility>

namespace echelon::gateway {
namespace {

using digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

digest hash(std::string_view x) {
  digest d{};
  SHA256(reinterpret_cast<const unsigned char*>(x.data()), x.size(), d.data());
  return d;
}

std::string hex(const digest& x) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const auto byte : x) {
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

} // namespace

bool same_secret(std::string_view a, std::string_view b) {
  const auto x = hash(a);
  const auto y = hash(b);
  return CRYPTO_memcmp(x.data(), y.data(), x.size()) == 0;
}

std::optional<caller> find_caller(const config::auth_config& auth, std::string_view presented,
                                  std::chrono::system_clock::time_point now) {
  if (auth.keys.empty() && auth.clients.empty() && auth.store.empty()) return caller{};
  std::optional<caller> found;
  for (const auto& [name, secret] : auth.keys)
    if (same_secret(secret, presented)) found = caller{name, nullptr};
  const auto digits = hex(hash(presented));
  for (const auto& [name, x] : auth.clients) {
    const bool same = x.sha256.size() == digits.size()
                      && CRYPTO_memcmp(x.sha256.data(), digits.data(), digits.size()) == 0;
    if (same && !(x.expires && std::chrono::floor<std::chrono::seconds>(now) >= *x.expires))
      found = caller{name, &x};
  }
  return presented.empty() ? std::nullopt : found;
}

bool may_ask(const caller& who, std::string_view target) {
  if (who.rights == nullptr || who.rights->targets.empty()) return true;
  const auto& all = who.rights->targets;
  // Of a tier its group too.
  return std::any_of(all.begin(), all.end(), [&](const std::string& x) {
    return target == x
           || (target.size() > x.size() && target[x.size()] == '.'
               && target.substr(0, x.size()) == x);
  });
}

std::optional<engine::api_error> forbidden(const caller& who, std::string_view target,
                                           const std::vector<std::string>& more, bool own_node) {
  if (who.rights == nullptr || who.rights->targets.empty()) return std::nullopt;
  const auto error = [&](const std::string& what, std::string param) {
    return engine::api_error{403, "The key '" + who.name + "' may not ask for " + what + ".",
                             "permission_error", "target_not_allowed", std::move(param)};
  };
  if (own_node) return error("a node of its own (x-echelon-node-config)", "x-echelon-node-config");
  if (!may_ask(who, target))
    return error('\'' + std::string{target.substr(0, 100)} + '\'', "model");
  for (const auto& x : more)
    if (!may_ask(who, x)) return error('\'' + x.substr(0, 100) + '\'', "x-echelon-fallback-groups");
  return std::nullopt;
}

std::string_view presented_key(std::string_view authorization, std::string_view x_api_key) {
  constexpr std::string_view scheme = "bearer ";
  if (authorization.size() < scheme.size()) return x_api_key;
  for (std::size_t i = 0; i < scheme.size(); ++i) {
    const char c = authorization[i];
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (lower != scheme[i]) return x_api_key;
  }
  auto key = authorization.substr(scheme.size());
  while (!key.empty() && key.front() == ' ')
    key.remove_prefix(1);
  while (!key.empty() && key.back() == ' ')
    key.remove_suffix(1);
  return key;
}

} // namespace echelon::gateway
