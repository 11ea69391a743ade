// Calls for which this process has nothing left to connect with.
#include "client.hpp"

#include "providers/http_transport_connection.hpp"
#include "providers/http_transport_shortage.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <catch2/catch.hpp>

#include <cerrno>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace echelon;
using namespace echelon::test;
using namespace std::chrono_literals;
using boost::asio::ip::tcp;
using reason = providers::transport_error::reason;

namespace {

/// While it lives this process opens no descriptor but in the place of one that it has closed.
class no_more_descriptors {
public:
  no_more_descriptors() {
    const int lowest_free = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(lowest_free);
    ::getrlimit(RLIMIT_NOFILE, &before_);
    auto now = before_;
    now.rlim_cur = static_cast<rlim_t>(lowest_free);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &now) == 0);
  }
  ~no_more_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  no_more_descriptors(const no_more_descriptors&) = delete;
  no_more_descriptors& operator=(const no_more_descriptors&) = delete;

private:
  rlimit before_{};
};

boost::system::error_code of_system(int code) {
  return {code, boost::system::system_category()};
}

} // namespace

TEST_CASE("what this process or machine is out of is told apart from what an upstream does") {
  for (const int x : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL})
    CHECK(providers::is_shortage(of_system(x)));
  for (const int x : {ECONNREFUSED, ETIMEDOUT, ENETUNREACH, EHOSTUNREACH, ECONNRESET, 0})
    CHECK_FALSE(providers::is_shortage(of_system(x)));
  CHECK(providers::is_shortage(boost::asio::error::no_memory)); // A lookup without a thread.
  CHECK_FALSE(providers::is_shortage(boost::asio::error::host_not_found));
  // A closed connection frees no port, no buffer.
  CHECK(providers::is_descriptor_shortage(of_system(EMFILE)));
  CHECK_FALSE(providers::is_descriptor_shortage(of_system(EADDRNOTAVAIL)));
}

TEST_CASE("a call without a descriptor is the router's failure, by address and by name") {
  const auto play = [](raw_peer& peer, int) {
    peer.request();
    peer.send(ok("x", "Connection: close\r\n"));
  };
  const raw_upstream upstream{play};
  client uut;
  for (const std::string host : {"127.0.0.1", "localhost", "no-such-host.invalid"}) {
    CAPTURE(host);
    auto provider = upstream.provider();
    provider.base_url = "http://" + host + ":" + std::to_string(upstream.port());
    const no_more_descriptors while_this;
    const auto got = uut.get(provider);
    REQUIRE(got.error);
    CHECK(got.error->why == reason::exhausted);
    CHECK(got.error->message
          == "cannot connect to " + provider.base_url.substr(7) + ": Too many open files");
  }
  CHECK(upstream.accepted() == 0);
  const raw_upstream later{play}; // The first one may have found no descriptor either.
  CHECK(uut.get(later).body == "x");
}

TEST_CASE("a connection that is idle gives its descriptor to one that is needed") {
  raw_upstream first{[](raw_peer& peer, int) {
    peer.request();
    peer.send(ok("x"));
    peer.wait_closed();
  }};
  boost::asio::io_context context;
  tcp::acceptor second{context, tcp::endpoint{boost::asio::ip::make_address("127.0.0.1"), 0}};
  config::provider_config provider;
  provider.base_url = "http://127.0.0.1:" + std::to_string(second.local_endpoint().port());
  client uut;
  REQUIRE(uut.get(first).body == "x");
  const no_more_descriptors while_this;
  const auto got = uut.get(provider, post("/", ""), 100ms);
  REQUIRE(got.error);
  CHECK(got.error->why == reason::timeout); // It was connected, and nobody answered.
}

TEST_CASE("certificates are not taken for missing when their file cannot be opened") {
  const no_more_descriptors while_this;
  for (const std::string file : {"", "some.pem"}) {
    try {
      static_cast<void>(providers::make_tls_context(file));
      FAIL("a context without its certificates");
    } catch (const providers::transport_error& error) {
      CHECK(error.why == reason::exhausted);
      CHECK(error.message == "cannot read CA certificates: Too many open files");
    }
  }
}
