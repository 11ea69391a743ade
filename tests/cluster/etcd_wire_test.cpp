#include "cluster/etcd_records.hpp"
#include "cluster/etcd_wire.hpp"

#include <catch2/catch.hpp>

namespace echelon::test {

using namespace cluster;
using kind = etcd_call::kind;

TEST_CASE("base64 as in RFC 4648, section 10", "[etcd]") {
  const std::pair<std::string, std::string> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : vectors) {
    CHECK(base64(plain) == text);
    CHECK(from_base64(text) == plain);
  }
  std::string all;
  for (int i = 0; i < 256; ++i)
    all += static_cast<char>(i);
  CHECK(from_base64(base64(all)) == all);
  CHECK_THROWS_AS(from_base64("Zg!="), std::runtime_error);
}

// What etcd 3.4.23 said.
TEST_CASE("leases are granted, renewed, revoked and missed", "[etcd]") {
  etcd_call grant;
  grant.number = 7;
  grant.what = kind::grant;
  grant.ttl = 5;
  CHECK(encode(grant) == etcd_request{"/v3/lease/grant", R"({"TTL":"5"})"});
  const auto granted =
      decode(grant, 200, R"({"header":{"revision":"1"},"ID":"7587899157277414149","TTL":"5"})");
  CHECK(granted == etcd_answer{7, kind::grant, true, true, 7587899157277414149, 5, {}, ""});

  etcd_call renew;
  renew.what = kind::keep_alive;
  renew.lease = 77;
  CHECK(encode(renew) == etcd_request{"/v3/lease/keepalive", R"({"ID":"77"})"});
  const auto renewed = decode(renew, 200,
                              R"({"result":{"header":{"revision":"1"},"ID":"77","TTL":"5"}})"
                              "\n");
  CHECK((renewed.answered && renewed.done && renewed.ttl == 5));
  const auto missed = decode(renew, 200, R"({"result":{"header":{"revision":"1"},"ID":"77"}})");
  CHECK((missed.answered && !missed.done));

  etcd_call revoke;
  revoke.what = kind::revoke;
  revoke.lease = 77;
  CHECK(encode(revoke).path == "/v3/lease/revoke");
  const auto gone = decode(revoke, 404,
                           R"({"error":"etcdserver: requested lease not found",)"
                           R"("message":"etcdserver: requested lease not found",)"
                           R"("code":5})");
  CHECK((gone.answered && !gone.done));
}

TEST_CASE("a transaction compares, writes and reads", "[etcd]") {
  etcd_call x;
  x.conditions = {{"a", 0}};
  x.puts = {{"a", "b", 99}};
  x.deletes = {"c"};
  CHECK(encode(x)
        == etcd_request{
            "/v3/kv/txn",
            R"({"compare":[{"key":"YQ==","mod_revision":"0","result":"EQUAL","target":"MOD"}],)"
            R"("success":[{"request_put":{"key":"YQ==","lease":"99","value":"Yg=="}},)"
            R"({"request_delete_range":{"key":"Yw=="}}]})"});
  CHECK(decode(x, 200, R"({"header":{"revision":"2"},"succeeded":true,"responses":[]})").done);
  const auto refused = decode(x, 200, R"({"header":{"revision":"2"}})");
  CHECK((refused.answered && !refused.done));
  // The lease that it puts with is not there.
  const auto lost = decode(x, 404, R"({"error":"e","message":"m","code":5})");
  CHECK((lost.answered && !lost.done));

  etcd_call read;
  read.reads = {{"a", "b"}};
  const auto found = decode(
      read, 200,
      R"({"succeeded":true,"responses":[{"response_range":{"header":{"revision":"2"},"kvs":[)"
      R"({"key":"YQ==","create_revision":"2","mod_revision":"3","version":"1","value":"Yg==",)"
      R"("lease":"99"}],"count":"1"}},{"response_range":{"header":{"revision":"2"}}}]})");
  CHECK(found.found == std::vector<etcd_key>{{"a", "b", 3, 99}});
}

TEST_CASE("what is no answer of etcd is none, with a reason", "[etcd]") {
  etcd_call x;
  for (const auto* body : {"", "<html>", "[]",
                           "{\"responses\":[{\"response_range\":{\"kvs\":[{"
                           "\"key\":\"!\"}]}}]}"}) {
    const auto a = decode(x, 200, body);
    CHECK_FALSE(a.answered);
    CHECK(a.why.find("cannot read what etcd says") == 0);
  }
  CHECK(decode(x, 503, R"({"error":"etcdserver: no leader","code":14})").why.find("etcd says 503")
        == 0);
  CHECK_FALSE(decode(x, 404, "404 page not found").answered);
  etcd_call renew;
  renew.what = kind::keep_alive;
  CHECK_FALSE(decode(renew, 200, R"({"error":{"grpc_code":14,"message":"no leader"}})").answered);
}

TEST_CASE("records and views come back as they were written", "[etcd]") {
  const messages::member a{"a", 18446744073709551615U, "h:1", 4294967295U},
      b{"b/%", 2, "[::1]:2", 3};
  const etcd_record record{a, "prod", "0.1.0", 1, 18446744073709551614U, 9, true};
  CHECK(read_record(written(record)) == record);
  messages::view v;
  v.origin = 5;
  v.epoch = 6;
  v.id = 7;
  v.members = {a, b};
  v.left = {b};
  v.before = {a};
  v.voters = {"a", "b/%"};
  v.size = 2;
  CHECK(read_view(written(v)) == v);
  CHECK_FALSE(read_record("{}"));
  CHECK_FALSE(read_view("[1]"));
  CHECK_FALSE(read_record("{"));
}

TEST_CASE("keys of one cluster do not meet those of another, whatever their names", "[etcd]") {
  const etcd_keys x{"a"}, y{"a/members"};
  CHECK(x.member("n") == "echelon/a/members/n");
  CHECK(y.head() == "echelon/a%2Fmembers/head");
  CHECK(x.member("m/1%") == "echelon/a/members/m%2F1%25");
  CHECK(x.view(9) < x.view(10));
  const auto all = x.all();
  CHECK((y.head() < all.from || y.head() >= all.to));
  const auto later = x.views(10);
  CHECK((x.view(9) < later.from && x.view(11) >= later.from && x.view(11) < later.to));
}

} // namespace echelon::test
