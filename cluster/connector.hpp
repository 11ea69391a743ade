/// Looks where other nodes can be reached. Looking blocks for a moment, so it has a thread of its
/// own.
#pragma once

#include "cluster/scout.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>

namespace echelon::cluster {

class connector final : public scout {
public:
  /// Somebody listens at `address`; runs on the connector's thread.
  using found_fn = std::function<void(const std::string& address)>;

  explicit connector(found_fn found);
  ~connector() override;

  /// Tried again and again, with pauses that grow from 0.2 s to 2 s.
  void want(std::set<std::string> addresses) override;
  /// Told once for each reason.
  void refused(const std::string& address, const std::string& why) override;

private:
  struct attempt {
    std::chrono::steady_clock::time_point next{};
    std::chrono::milliseconds pause{200};
    std::string told; ///< The last reason that was logged.
  };
  void run();
  void try_one(const std::string& address);
  void put_off(const std::string& address, const std::string& why);

  found_fn found_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> wanted_;
  std::map<std::string, attempt> attempts_;
  bool stopped_ = false;
  std::thread thread_;
};

} // namespace echelon::cluster
