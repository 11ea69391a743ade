/// Parts of the router that a host program brings along; see api/.
#pragma once

#include "policy/failure.hpp"
#include "policy/rotation.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace echelon::providers {
class adapter;
}

namespace echelon::config {

/// Judges a failure of an upstream anew. Thread-safe.
using failure_classifier = std::function<policy::failure_class(
    const std::string& model, policy::failure_class kind, int status, std::string_view code,
    std::string_view message)>;

struct host_parts {
  std::map<std::string, std::shared_ptr<const providers::adapter>> kinds; ///< By `kind`.
  std::map<std::string, policy::custom_rotation> rotations; ///< By `rotation_strategy`.
  std::shared_ptr<const failure_classifier> classifier;     ///< Null: none.
};

} // namespace echelon::config
