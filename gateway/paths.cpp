#include "gateway/paths.hpp"

namespace echelon::gateway {

namespace {

struct known_path {
  std::string_view begin; ///< Of the path.
  std::string_view methods;
  bool more = false; ///< Something follows.
};

constexpr std::string_view look = "GET, HEAD";

constexpr known_path paths[] = {
    {"/healthz", look},
    {"/readyz", look},
    {"/metrics", look},
    {"/v1/models", look},
    {"/dashboard", look},
    {"/dashboard/", look, true},
    {"/admin/state", look},
    {"/admin/events", "GET"}, // It never ends: HEAD would say nothing.
    {"/admin/requests", look},
    {"/admin/requests/", look, true},
    {"/admin/explain/", look, true},
    {"/admin/reload", "POST"},
    {"/admin/drain", "POST"},
    {"/admin/actors/", "POST", true},
    {"/admin/usage", "GET"},
    {"/admin/keys", "GET, POST"},
    {"/admin/keys/", "DELETE", true},
};

} // namespace

std::string_view methods_of(std::string_view path) {
  for (const auto& x : paths)
    if (x.more ? path.size() >= x.begin.size() && path.substr(0, x.begin.size()) == x.begin
               : path == x.begin)
      return x.methods;
  return {};
}

bool allows(std::string_view methods, std::string_view method) {
  while (!methods.empty()) {
    const auto end = methods.find(", ");
    if (methods.substr(0, end) == method) return true;
    if (end == std::string_view::npos) return false;
    methods.remove_prefix(end + 2);
  }
  return false;
}

} // namespace echelon::gateway
