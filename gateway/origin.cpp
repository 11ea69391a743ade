#include "gateway/origin.hpp"

#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>

#include <algorithm>

namespace echelon::gateway {

namespace ip = boost::asio::ip;

ip::address unmapped(const ip::address& x) {
  if (!x.is_v6() || !x.to_v6().is_v4_mapped()) return x;
  return ip::make_address_v4(ip::v4_mapped, x.to_v6());
}

std::string origin_of(const ip::address& mapped) {
  const auto x = unmapped(mapped);
  if (!x.is_v6() || x.is_loopback()) return x.to_string();
  auto bytes = x.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
  return ip::address_v6{bytes}.to_string() + "/64";
}

} // namespace echelon::gateway
