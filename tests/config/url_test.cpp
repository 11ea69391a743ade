#include "config/url.hpp"

#include <catch2/catch.hpp>

namespace echelon::config::test {

TEST_CASE("endpoints are split into scheme, host and port, and what is none is refused") {
  CHECK(split_endpoint("http://10.0.0.1:2379") == endpoint{false, "10.0.0.1", 2379});
  CHECK(split_endpoint("https://etcd-1.local:443/") == endpoint{true, "etcd-1.local", 443});
  CHECK(split_endpoint("localhost:1") == endpoint{false, "localhost", 1});
  CHECK(split_endpoint("https://[::1]:65535") == endpoint{true, "::1", 65535});
  for (const auto* wrong : {"", "http://", "h", "http://h", "h:0", "h:65536", "h:x", "ftp://h:1",
                            "http://h:1/path", "http://a b:1", "[::1:1", "[x]:1", "::1:1"}) {
    INFO(wrong);
    CHECK_FALSE(split_endpoint(wrong));
  }
  for (const auto* url : {"http://10.0.0.1:2379", "https://[::1]:65535"})
    CHECK(split_endpoint(url)->url() == url);
}

TEST_CASE("what is not plain becomes %XX, and comes back") {
  CHECK(escaped("group/g 1", "/") == "group/g%201");
  CHECK(escaped("a-b.c~", "-.") == "a-b.c%7E");
  CHECK(escaped("\xC3\xA4%", "") == "%C3%A4%25");
  for (const auto* text : {"", "a+b&c=d", "100% \xE2\x82\xAC", "%41"})
    CHECK(unescaped(escaped(text, "-_.")) == text);
}

TEST_CASE("%XX is undone, anything else stays") {
  CHECK(unescaped("group%2Fg") == "group/g");
  CHECK(unescaped("%67%2f%2F") == "g//");
  for (const auto* same : {"", "group/g", "%", "%2", "%zz", "100%", "+"})
    CHECK(unescaped(same) == same);
}

} // namespace echelon::config::test
