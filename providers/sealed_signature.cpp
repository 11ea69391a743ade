#include "providers/sealed_signature.hpp"

namespace echelon::providers {
namespace {

constexpr std::string_view mark = "google:";

} // namespace

std::string seal(const signed_call& call) {
  return std::string{mark} + call.id + '=' + call.signature;
}

std::optional<signed_call> unseal(std::string_view text) {
  if (!text.starts_with(mark)) return std::nullopt;
  text.remove_prefix(mark.size());
  const auto end = text.find('=');
  if (end == std::string_view::npos) return std::nullopt;
  return signed_call{std::string{text.substr(0, end)}, std::string{text.substr(end + 1)}};
}

} // namespace echelon::providers
