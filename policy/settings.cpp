#include "policy/settings.hpp"

namespace echelon::policy {

std::string_view to_string(level x) {
  switch (x) {
  case level::key: return "key";
  case level::router: return "router";
  case level::node: return "node";
  case level::pool: return "pool";
  case level::group: return "group";
  case level::tier: return "echelon";
  case level::model: return "model";
  }
  return "unknown";
}

std::string_view to_string(rotation_strategy x) {
  switch (x) {
  case rotation_strategy::round_robin: return "round_robin";
  case rotation_strategy::least_recently_used: return "least_recently_used";
  case rotation_strategy::weighted: return "weighted";
  case rotation_strategy::custom: return "custom";
  }
  return "unknown";
}

std::string_view to_string(fallback_strategy x) {
  switch (x) {
  case fallback_strategy::echelon_down: return "echelon_down";
  case fallback_strategy::provider_failover: return "provider_failover";
  case fallback_strategy::model_rotate: return "model_rotate";
  }
  return "unknown";
}

} // namespace echelon::policy
