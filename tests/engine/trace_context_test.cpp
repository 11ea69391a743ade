#include "engine/telemetry/trace_context.hpp"

#include <catch2/catch.hpp>

namespace echelon::engine {
namespace {

const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string caller = "00f067aa0ba902b7";

TEST_CASE("a caller's trace is read as W3C writes it") {
  const auto x = parse_trace_context("00-" + trace + '-' + caller + "-01", "vendor=1,other=2");
  REQUIRE(x);
  CHECK(x->trace_id == trace);
  CHECK(x->span_id == caller);
  CHECK(x->sampled);
  CHECK(x->state == "vendor=1,other=2");
  CHECK(traceparent_of(*x) == "00-" + trace + '-' + caller + "-01");
}

TEST_CASE("only the last bit of the flags says whether a trace is recorded") {
  for (const auto& [flags, sampled] :
       {std::pair{"00", false}, {"02", false}, {"03", true}, {"ff", true}}) {
    const auto x = parse_trace_context("00-" + trace + '-' + caller + '-' + flags, "");
    REQUIRE(x);
    CHECK(x->sampled == sampled);
  }
}

TEST_CASE("a later version may bring more") {
  CHECK(parse_trace_context("01-" + trace + '-' + caller + "-01-more", ""));
  CHECK(parse_trace_context("cc-" + trace + '-' + caller + "-01", ""));
  CHECK_FALSE(parse_trace_context("01-" + trace + '-' + caller + "-01more", ""));
  CHECK_FALSE(parse_trace_context("00-" + trace + '-' + caller + "-01-more", ""));
}

TEST_CASE("a tracestate that is none is left out, the trace is not") {
  const auto parent = "00-" + trace + '-' + caller + "-01";
  for (const std::string bad : {"no pair", "a=\x01", "a=\xc3\xa4"}) {
    const auto x = parse_trace_context(parent, bad);
    REQUIRE(x);
    CHECK(x->state.empty());
  }
  std::string many = "k0=v";
  for (int i = 1; i < 33; ++i)
    many += ",k" + std::to_string(i) + "=v";
  CHECK(parse_trace_context(parent, many)->state.empty());
}

TEST_CASE("a long tracestate loses its last members") {
  const std::string first = "a=" + std::string(300, 'x'), second = "b=" + std::string(300, 'y');
  const auto x = parse_trace_context("00-" + trace + '-' + caller + "-01", first + ',' + second);
  CHECK(x->state == first);
}

TEST_CASE("ids are well-formed and differ") {
  CHECK(new_trace_id().size() == 32);
  CHECK(new_span_id().size() == 16);
  CHECK(new_trace_id() != new_trace_id());
  CHECK(new_span_id() != new_span_id());
}

TEST_CASE("a ratio takes so many traces, always the same ones") {
  CHECK_FALSE(sampled_by_ratio(trace, 0));
  CHECK(sampled_by_ratio(trace, 1));
  // The last 56 bits decide.
  CHECK(sampled_by_ratio("ffffffffffffffffff7ffff000000000", 0.5));
  CHECK_FALSE(sampled_by_ratio("00000000000000000080000000000000", 0.5));
  int taken = 0;
  for (int i = 0; i < 4000; ++i)
    if (sampled_by_ratio(new_trace_id(), 0.25)) ++taken;
  CHECK(taken > 800); // 1000 expected, 200 are seven standard deviations.
  CHECK(taken < 1200);
}

} // namespace
} // namespace echelon::engine
