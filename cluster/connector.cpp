#include "cluster/connector.hpp"

#include "config/log.hpp"
#include "config/url.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace echelon::cluster {
namespace {

using namespace std::chrono_literals;

/// Whether somebody listens there: CAF's own connecting would wait for a black hole for minutes.
/// @returns Empty, or why not.
std::string probe(const std::string& host, std::uint16_t port, std::chrono::milliseconds patience) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list))
    return gai_strerror(error);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned{list, &freeaddrinfo};
  std::string why = "no address";
  for (const auto* x = list; x != nullptr; x = x->ai_next) {
    const int fd = socket(x->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return std::strerror(errno);
    int error = connect(fd, x->ai_addr, x->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
      pollfd wait{fd, POLLOUT, 0};
      socklen_t size = sizeof error;
      if (poll(&wait, 1, static_cast<int>(patience.count())) != 1)
        error = ETIMEDOUT;
      else
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    close(fd);
    if (error == 0) return {};
    why = std::strerror(error);
  }
  return why;
}

} // namespace

connector::connector(found_fn found) : found_(std::move(found)), thread_([this] { run(); }) {}

connector::~connector() {
  {
    const std::lock_guard guard{mutex_};
    stopped_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void connector::want(std::set<std::string> addresses) {
  {
    const std::lock_guard guard{mutex_};
    if (wanted_ == addresses) return;
    // Who was linked and is lost is looked for at once.
    for (const auto& x : addresses)
      if (wanted_.count(x) == 0) attempts_.erase(x);
    wanted_ = std::move(addresses);
  }
  changed_.notify_all();
}

void connector::run() {
  std::unique_lock guard{mutex_};
  while (!stopped_) {
    const auto now = std::chrono::steady_clock::now();
    std::string due;
    for (const auto& x : wanted_)
      if (attempts_[x].next <= now && (due.empty() || attempts_[x].next < attempts_[due].next))
        due = x;
    if (due.empty()) {
      changed_.wait_for(guard, 100ms);
      continue;
    }
    guard.unlock();
    try_one(due);
    guard.lock();
  }
}

void connector::try_one(const std::string& address) {
  std::string host;
  std::uint16_t port = 0;
  std::string why = "not an address";
  if (config::split_address(address, host, port)) why = probe(host, port, 400ms);
  if (!why.empty()) return put_off(address, why);
  {
    const std::lock_guard guard{mutex_};
    attempts_[address].next = std::chrono::steady_clock::now() + 3s; // Till it is linked or not.
  }
  found_(address);
}

void connector::refused(const std::string& address, const std::string& why) {
  put_off(address, why);
}

void connector::put_off(const std::string& address, const std::string& why) {
  const std::lock_guard guard{mutex_};
  auto& x = attempts_[address];
  x.next = std::chrono::steady_clock::now() + x.pause;
  x.pause = std::min(x.pause * 2, std::chrono::milliseconds{2000});
  if (x.told != why) log().info("cluster: no way to {}: {}", address, why);
  x.told = why;
}

} // namespace echelon::cluster
