#include "gateway/origin.hpp"

#include <algorithm>

namespace echelon::gateway {

namespace ip = boost::asio::ip;

std::string origin_of(const ip::address& x) {
  if (!x.is_v6() || x.to_v6().is_v4_mapped() || x.is_loopback()) return x.to_string();
  auto bytes = x.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
  return ip::address_v6{bytes}.to_string() + "/64";
}

} // namespace echelon::gateway
