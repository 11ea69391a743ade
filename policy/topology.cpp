#include "policy/topology.hpp"

namespace echelon::policy {

const actor_spec* topology::find(path_id id) const {
  const auto i = actors.find(id);
  return i == actors.end() ? nullptr : &i->second;
}

std::string_view topology::path(path_id id) const {
  const auto* x = find(id);
  return x ? std::string_view{x->path} : std::string_view{"unknown"};
}

} // namespace echelon::policy
