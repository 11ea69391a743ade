/// Routers, a cluster if there are several, and upstreams of an experiment's own.
#pragma once

#include "cli/chaos/arena.hpp"
#include "cli/chaos/process.hpp"
#include "cli/chaos/upstream.hpp"

#include <filesystem>
#include <memory>

namespace echelon::cli {

class stage final : public arena {
public:
  /// Starts everything; returns when each router is ready. Throws std::runtime_error.
  explicit stage(const experiment& of);
  ~stage() override;

  [[nodiscard]] std::vector<std::string> urls() const override;
  [[nodiscard]] std::vector<std::string> nodes() const override;
  [[nodiscard]] std::vector<asked_target> targets() const override;
  std::string begin(const strike& x) override;
  void end(const strike& x) override;
  [[nodiscard]] std::vector<limit_check> limits() const override;
  [[nodiscard]] bool ready(std::size_t node) override;
  [[nodiscard]] std::string token() const override { return {}; }
  /// Ends the routers in good order. @returns What was wrong about that; empty: nothing.
  std::string close();

private:
  struct router {
    std::string name;
    std::uint16_t port = 0, cluster_port = 0;
    std::unique_ptr<process> running;
    bool frozen = false, scarce = false; ///< Scarce: of descriptors.
  };
  void write_config() const;
  void start(router& x);
  void await_ready(std::size_t node);
  router* find(const std::string& name);
  std::string begin_at(router& x, const strike& what);
  [[nodiscard]] std::string logged(const router& x) const;

  experiment of_;
  std::filesystem::path folder_;
  std::unique_ptr<upstream> upstream_;
  std::vector<router> routers_;
};

} // namespace echelon::cli
