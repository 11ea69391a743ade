/// Sending without a wait: what most messages of a keep-alive connection need.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <array>
#include <cstddef>

namespace echelon::providers {

/// Sends what the kernel takes at once, and takes that off the front of `parts`. True: nothing is
/// left. An error leaves what was not sent: whoever waits to send the rest meets it again.
template <std::size_t N>
bool send_at_once(boost::asio::ip::tcp::socket& socket,
                  std::array<boost::asio::const_buffer, N>& parts) {
  boost::system::error_code error;
  if (!socket.non_blocking()) socket.non_blocking(true, error);
  auto sent = error ? 0 : socket.write_some(parts, error);
  for (auto& part : parts) {
    const auto taken = part.size() < sent ? part.size() : sent;
    part += taken;
    sent -= taken;
  }
  return boost::asio::buffer_size(parts) == 0;
}

} // namespace echelon::providers
