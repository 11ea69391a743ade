/// Whom a connection counts as.
#pragma once

#include <boost/asio/ip/address.hpp>

#include <string>

namespace echelon::gateway {

/// An IPv4 client of an IPv6 listener by its own address, `127.0.0.1` for `::ffff:127.0.0.1`.
[[nodiscard]] boost::asio::ip::address unmapped(const boost::asio::ip::address& x);

/// A client's address, of IPv6 the network that a client chooses addresses in: with each of the
/// 2^64 addresses of one /64 as a client of its own, no limit of one client would hold.
[[nodiscard]] std::string origin_of(const boost::asio::ip::address& x);

} // namespace echelon::gateway
