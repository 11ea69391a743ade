// server.max_connections_per_client counts a client of IPv6 by its /64 (docs/security.md).
#include "gateway/origin.hpp"

#include <catch2/catch.hpp>

#include <string>

namespace echelon::gateway {
namespace {

std::string origin(const char* address) {
  return origin_of(boost::asio::ip::make_address(address));
}

TEST_CASE("an IPv4 client is its whole address") {
  CHECK(origin("192.0.2.1") == "192.0.2.1");
  CHECK(origin("192.0.2.2") == "192.0.2.2");
  CHECK(origin("127.0.0.1") == "127.0.0.1");
}

TEST_CASE("addresses of one /64 are one IPv6 client") {
  CHECK(origin("2001:db8:1:2::1") == "2001:db8:1:2::/64");
  CHECK(origin("2001:db8:1:2::2") == "2001:db8:1:2::/64");
  CHECK(origin("2001:db8:1:2:8000::") == "2001:db8:1:2::/64");
  CHECK(origin("2001:db8:1:2:ffff:ffff:ffff:ffff") == "2001:db8:1:2::/64");
}

TEST_CASE("addresses of two /64 are two IPv6 clients, be it for the last bit of the network") {
  CHECK(origin("2001:db8:1:3::1") == "2001:db8:1:3::/64");
  CHECK(origin("2001:db8:2:2::1") == "2001:db8:2:2::/64");
  CHECK(origin("2001:db9:1:2::1") == "2001:db9:1:2::/64");
  CHECK(origin("a001:db8:1:2::1") == "a001:db8:1:2::/64");
}

// A listener at [::] sees IPv4 clients so: their /64 would be that of all of them.
TEST_CASE("an IPv4 client of an IPv6 listener is its whole address") {
  CHECK(origin("::ffff:192.0.2.1") == "192.0.2.1");
  CHECK(origin("::ffff:192.0.2.2") == "192.0.2.2");
}

TEST_CASE("an IPv4 client of an IPv6 listener may be on this machine") {
  const auto here = [](const char* x) {
    return unmapped(boost::asio::ip::make_address(x)).is_loopback();
  };
  CHECK(here("::ffff:127.0.0.1"));
  CHECK(here("127.0.0.1"));
  CHECK(here("::1"));
  CHECK_FALSE(here("::ffff:192.0.2.1"));
  CHECK_FALSE(here("::ffff:128.0.0.1"));
  CHECK_FALSE(here("::127.0.0.1"));
}

TEST_CASE("the loopback address is no network") {
  CHECK(origin("::1") == "::1");
  // Neither is it one with what else begins with zeros.
  CHECK(origin("::2") == "::/64");
}

// The zone says by which device this machine reaches it; it is nothing of the client's.
TEST_CASE("a link-local client is one of its link") {
  CHECK(origin("fe80::1%7") == "fe80::/64");
  CHECK(origin("fe80::2") == "fe80::/64");
}

} // namespace
} // namespace echelon::gateway
