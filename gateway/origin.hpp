/// Whom a connection counts as.
#pragma once

#include <boost/asio/ip/address.hpp>

#include <string>

namespace echelon::gateway {

/// A client's address, of IPv6 the network that a client chooses addresses in: with each of the
/// 2^64 addresses of one /64 as a client of its own, no limit of one client would hold.
[[nodiscard]] std::string origin_of(const boost::asio::ip::address& x);

} // namespace echelon::gateway
