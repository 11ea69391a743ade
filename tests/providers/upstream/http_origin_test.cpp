#include "providers/http_transport_origin.hpp"
#include "providers/transport.hpp"

#include <catch2/catch.hpp>

using namespace echelon;

namespace {

providers::http_origin read(const std::string& url) {
  config::provider_config provider;
  provider.name = "p";
  provider.base_url = url;
  return providers::origin_of(provider);
}

} // namespace

TEST_CASE("HTTP.9 scheme, host and port of a base URL are read and shown in Host") {
  CHECK(read("http://api.test/v1").host_header() == "api.test");
  CHECK(read("http://api.test").port == 80);
  CHECK(read("https://api.test/v1").port == 443);
  CHECK(read("https://api.test:443").host_header() == "api.test");
  CHECK(read("https://api.test:80").host_header() == "api.test:80");
  CHECK(read("http://[::1]:19091/v1").host_header() == "[::1]:19091");
  CHECK(read("http://[::1]").str() == "[::1]:80");
  CHECK(read("http://[::1]").is_address);
  CHECK(read("http://127.0.0.1:9").is_address);
  CHECK_FALSE(read("http://api.test").is_address);
}

TEST_CASE("HTTP.9 bad base URLs are refused") {
  for (const auto* url : {"http://::1:80", "http://[::1", "localhost:80", "", "ftp://a", "http://",
                          "http://a:0", "http://a:65536", "http://a:x", "http://[a]",
                          "http://user@a", "http://[::1]x", "http://a:"}) {
    INFO(url);
    CHECK_THROWS_AS(read(url), providers::transport_error);
  }
}
