#include "gateway/listener.hpp"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

namespace echelon::gateway {

using boost::asio::ip::tcp;

namespace {

constexpr int first_inherited = 3;

std::optional<long> number_of(const char* variable) {
  const auto* text = std::getenv(variable);
  long value = 0;
  if (text == nullptr) return std::nullopt;
  const auto* end = text + std::strlen(text);
  if (std::from_chars(text, end, value).ptr != end) return std::nullopt;
  return value;
}

/// The protocol of the socket that waits for us, if one does.
std::optional<tcp> handed_over() {
  const auto process = number_of("LISTEN_PID");
  if (process && *process != ::getpid()) return std::nullopt;
  if (number_of("LISTEN_FDS").value_or(0) < 1) return std::nullopt;
  int listening = 0;
  socklen_t size = sizeof listening;
  if (::getsockopt(first_inherited, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0
      || listening == 0)
    throw boost::system::system_error{boost::asio::error::bad_descriptor,
                                      "LISTEN_FDS is set, but descriptor 3 is no listening socket"};
  sockaddr_storage address{};
  size = sizeof address;
  ::getsockname(first_inherited, reinterpret_cast<sockaddr*>(&address), &size);
  return address.ss_family == AF_INET6 ? tcp::v6() : tcp::v4();
}

} // namespace

listener::listener(boost::asio::io_context& on, const std::string& host, std::uint16_t port)
    : acceptor(on) {
  if (const auto protocol = handed_over()) {
    ::fcntl(first_inherited, F_SETFD, FD_CLOEXEC);
    acceptor.assign(*protocol, first_inherited);
    inherited_ = true;
  } else {
    const tcp::endpoint where{boost::asio::ip::make_address(host), port};
    acceptor.open(where.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    acceptor.bind(where);
    acceptor.listen(4096);
  }
  reserve();
}

listener::~listener() {
  if (reserve_ >= 0) ::close(reserve_);
}

void listener::reserve() {
  reserve_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

bool listener::turn_one_away(bool tls) {
  if (reserve_ >= 0) ::close(reserve_);
  const int descriptor =
      ::accept4(acceptor.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (descriptor >= 0) {
    if (!tls) say_busy(descriptor);
    ::close(descriptor);
  }
  reserve();
  return descriptor >= 0;
}

void say_busy(int descriptor) {
  constexpr std::string_view body =
      R"({"error":{"message":"The router has as many connections as it takes. Try again.",)"
      R"("type":"server_error","param":null,"code":"too_many_connections"}})";
  const auto text = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
                    "Content-Type: application/json\r\nContent-Length: "
                    + std::to_string(body.size()) + "\r\n\r\n" + std::string{body};
  (void)::send(descriptor, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  ::shutdown(descriptor, SHUT_WR);
  // What the client has sent already would turn our close into a reset that eats the answer.
  char sink[4096];
  while (::recv(descriptor, sink, sizeof sink, MSG_DONTWAIT) > 0) {
  }
}

} // namespace echelon::gateway
