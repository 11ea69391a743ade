/// Finds the addresses of names without holding up anything else.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace echelon::providers {

/// Lookups of one executor, by the system's resolver. Each name has a thread of its own while it is
/// looked up (Asio's resolver has one thread for all, so that one dead name server would stop
/// everyone); those who ask for a name meanwhile share the answer. Nothing is remembered.
class name_lookup : public std::enable_shared_from_this<name_lookup> {
public:
  using addresses = std::vector<boost::asio::ip::address>;
  using answer = std::function<void(const boost::system::error_code&, const addresses&)>;

  explicit name_lookup(boost::asio::any_io_executor executor)
      : executor_(std::move(executor)), gate_(std::make_shared<gate>()) {}
  ~name_lookup() { close(); }
  name_lookup(const name_lookup&) = delete;
  name_lookup& operator=(const name_lookup&) = delete;

  /// Calls `then` on the executor, never from here. From the executor's thread only.
  void find(const std::string& host, answer then);
  /// Nobody is answered any more. To be called before the executor's context is destroyed.
  void close();

private:
  struct gate { ///< What a lookup's thread may touch after everything else is gone.
    std::mutex mutex;
    bool open = true;
  };
  void found(const std::string& host, const boost::system::error_code& ec, const addresses& at);

  boost::asio::any_io_executor executor_;
  std::shared_ptr<gate> gate_;
  std::map<std::string, std::vector<answer>> asked_; ///< Names being looked up.
};

} // namespace echelon::providers
