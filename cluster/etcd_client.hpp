/// Carries calls to an etcd and hears of changes, on a thread of its own. No CAF.
#pragma once

#include "cluster/etcd_store.hpp"
#include "config/url.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace echelon::cluster {

struct etcd_client_settings {
  std::vector<config::endpoint> endpoints; ///< Not empty. Tried in turn: one that fails is left.
  std::string ca, cert, key;               ///< PEM files for https; each may be empty.
  /// Of a call, from its connecting on. A name that cannot be looked up may take the resolver's
  /// own time.
  std::chrono::milliseconds timeout{1500};
};

/// Thread-safe. Calls about leases do not wait for the others; else one follows the other.
class etcd_client {
public:
  struct news {
    std::vector<etcd_answer> answers; ///< One for each call, whatever becomes of it.
    bool changed = false;             ///< Something in the range may have changed.
  };

  /// Throws std::runtime_error, naming the PEM file that cannot be read.
  static void check(const etcd_client_settings& settings);
  /// `wake` runs on the client's thread when there is news. Throws as check() does.
  etcd_client(etcd_client_settings settings, const etcd_range& watched, std::function<void()> wake);
  /// What has no answer yet gets none.
  ~etcd_client();
  etcd_client(const etcd_client&) = delete;
  etcd_client& operator=(const etcd_client&) = delete;

  void ask(etcd_call x);
  [[nodiscard]] news take();

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

} // namespace echelon::cluster
