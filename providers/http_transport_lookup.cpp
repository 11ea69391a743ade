#include "providers/http_transport_lookup.hpp"

#include "providers/http_transport_shortage.hpp"

#include <boost/asio/ip/basic_endpoint.hpp>
#include <boost/asio/post.hpp>

#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>

namespace echelon::providers {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

error_code error_of(int code) {
  switch (code) {
  case EAI_AGAIN: return asio::error::host_not_found_try_again;
  case EAI_FAIL: return asio::error::no_recovery;
  case EAI_MEMORY: return asio::error::no_memory;
  case EAI_SYSTEM: return {errno, boost::system::system_category()};
  default: return asio::error::host_not_found;
  }
}

/// Blocks.
error_code look_up(const std::string& host, name_lookup::addresses& into) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  if (const auto code = ::getaddrinfo(host.c_str(), nullptr, &hints, &first); code != 0) {
    const auto why = error_of(code);
    // Without a descriptor for its files and sockets it may say that there is no such name.
    const auto lack = descriptor_shortage();
    return lack ? lack : why;
  }
  for (const auto* at = first; at != nullptr; at = at->ai_next) {
    asio::ip::tcp::endpoint endpoint;
    if (at->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), at->ai_addr, at->ai_addrlen);
    into.push_back(endpoint.address());
  }
  ::freeaddrinfo(first);
  return into.empty() ? error_code{asio::error::host_not_found} : error_code{};
}

} // namespace

void name_lookup::find(const std::string& host, answer then) {
  auto& waiting = asked_[host];
  waiting.push_back(std::move(then));
  if (waiting.size() > 1) return;
  const auto work = [host, gate = gate_, weak = weak_from_this(), executor = executor_] {
    addresses at;
    const auto ec = look_up(host, at);
    const std::lock_guard lock{gate->mutex};
    if (!gate->open) return;
    asio::post(executor, [host, weak, ec, at = std::move(at)] {
      if (const auto self = weak.lock()) self->found(host, ec, at);
    });
  };
  try {
    std::thread{work}.detach();
  } catch (const std::system_error&) { // No thread to be had.
    asio::post(executor_, [host, weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->found(host, asio::error::no_memory, {});
    });
  }
}

void name_lookup::found(const std::string& host, const error_code& ec, const addresses& at) {
  const auto entry = asked_.find(host);
  if (entry == asked_.end()) return;
  const auto waiting = std::move(entry->second);
  asked_.erase(entry);
  for (const auto& then : waiting)
    then(ec, at);
}

void name_lookup::close() {
  const std::lock_guard lock{gate_->mutex};
  gate_->open = false;
}

} // namespace echelon::providers
