#include "cluster/links.hpp"

#include <caf/io/middleman.hpp>
#include <caf/openssl/manager.hpp>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <charconv>
#include <cstring>
#include <filesystem>
#include <string>

namespace echelon::cluster {
namespace {

/// Port of an address of the internet; 0: it is none.
std::uint16_t port_of(const sockaddr_storage& x) {
  if (x.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &x, sizeof v4);
    return ntohs(v4.sin_port);
  }
  if (x.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &x, sizeof v6);
    return ntohs(v6.sin6_port);
  }
  return 0;
}

template <class Ask>
bool has_port(Ask ask, int fd, std::uint16_t port) {
  sockaddr_storage found{};
  socklen_t size = sizeof found;
  return ask(fd, reinterpret_cast<sockaddr*>(&found), &size) == 0 && port_of(found) == port;
}

} // namespace

void end_silent_links(std::uint16_t port, std::chrono::nanoseconds patience) {
  const auto limit = static_cast<unsigned>(
      std::chrono::duration_cast<std::chrono::milliseconds>(patience).count());
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd", none}) {
    const auto name = entry.path().filename().string();
    int fd = -1;
    std::from_chars(name.data(), name.data() + name.size(), fd);
    // What is no socket, or was closed meanwhile, says so.
    if (has_port(getsockname, fd, port) || has_port(getpeername, fd, port))
      setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof limit);
  }
}

dialer dial_by_middleman(bool tls, std::chrono::nanoseconds patience) {
  return [tls, patience](caf::event_based_actor* self, const std::string& host, std::uint16_t port,
                         std::function<void(const caf::strong_actor_ptr&)> then,
                         std::function<void(const caf::error&)> failed) {
    auto& system = self->system();
    const auto middleman =
        tls ? system.openssl_manager().actor_handle() : system.middleman().actor_handle();
    self->request(middleman, std::chrono::seconds{3}, caf::connect_atom::value, host, port)
        .then(
            [then, port, patience](const caf::node_id&, const caf::strong_actor_ptr& found,
                                   const std::set<std::string>&) {
              end_silent_links(port, patience);
              then(found);
            },
            failed);
  };
}

} // namespace echelon::cluster
