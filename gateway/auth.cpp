#include "gateway/auth.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <array>

namespace echelon::gateway {
namespace {

using digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

digest hash(std::string_view x) {
  digest d{};
  SHA256(reinterpret_cast<const unsigned char*>(x.data()), x.size(), d.data());
  return d;
}

} // namespace

bool same_secret(std::string_view a, std::string_view b) {
  const auto x = hash(a);
  const auto y = hash(b);
  return CRYPTO_memcmp(x.data(), y.data(), x.size()) == 0;
}

bool client_allowed(const config::auth_config& auth, std::string_view presented) {
  if (auth.keys.empty()) return true;
  bool found = false;
  for (const auto& [name, secret] : auth.keys)
    found = same_secret(secret, presented) || found;
  return found && !presented.empty();
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
