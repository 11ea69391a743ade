/// A router that somebody else has started with --chaos.
#pragma once

#include "cli/chaos/arena.hpp"

namespace echelon::cli {

/// Only its actors can be struck, and nobody counts at its upstreams.
class running_router final : public arena {
public:
  /// Throws std::runtime_error if it cannot be asked or was started without --chaos.
  running_router(std::string url, std::string token, std::vector<std::string> targets);

  [[nodiscard]] std::vector<std::string> urls() const override { return {url_}; }
  [[nodiscard]] std::vector<std::string> nodes() const override { return {"router"}; }
  [[nodiscard]] std::vector<asked_target> targets() const override { return targets_; }
  std::string begin(const strike& x) override { return disturb(x); }
  void end(const strike&) override {}
  [[nodiscard]] std::vector<limit_check> limits() const override { return {}; }
  [[nodiscard]] bool ready(std::size_t) override { return true; }
  [[nodiscard]] std::string token() const override { return token_; }

private:
  std::string url_, token_;
  std::vector<asked_target> targets_;
};

} // namespace echelon::cli
