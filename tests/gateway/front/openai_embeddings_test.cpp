#include "tests/gateway/front/front_samples.hpp"

using namespace echelon::gateway;
using namespace echelon::test;

namespace {
const front& uut = openai_embeddings_front();
json with_input(json input) {
  return {{"model", "embedder"}, {"input", std::move(input)}};
}
} // namespace

TEST_CASE("an embeddings request is kept as it was sent", "[front][embeddings]") {
  for (const json& input :
       {json("text"), json{"a", "b"}, json{1, 2, 3}, json::array({json{1, 2}, json::array({3})})}) {
    auto body = with_input(input);
    body.update({{"encoding_format", "base64"}, {"dimensions", 64}});
    const auto request = accepted(uut, body);
    CHECK(request.target == "embedder");
    CHECK(request.canonical.op == echelon::providers::operation::embeddings);
    CHECK(request.canonical.body() == body);
    CHECK_FALSE(request.canonical.stream);
  }
}

TEST_CASE("a wrong field of an embeddings request is named", "[front][embeddings]") {
  CHECK(fault(uut, {{"input", "x"}}) == "model");
  CHECK(fault(uut, {{"model", "m"}}) == "input");
  for (const json& input : {json(""), json::array(), json(4), json{"a", 1},
                            json::array({json::array()}), json::array({1.5}), json::object()})
    CHECK(fault(uut, with_input(input)) == "input");
  auto body = with_input("x");
  body["encoding_format"] = "hex";
  CHECK(fault(uut, body) == "encoding_format");
  body = with_input("x");
  body["dimensions"] = 0;
  CHECK(fault(uut, body) == "dimensions");
}

TEST_CASE("an embeddings answer passes through", "[front][embeddings]") {
  const json answer = {
      {"object", "list"},
      {"model", "e"},
      {"data", {{{"object", "embedding"}, {"index", 0}, {"embedding", {0.25, -1.0}}}}},
      {"usage", {{"prompt_tokens", 1}, {"total_tokens", 1}}}};
  CHECK(json::parse(uut.answer(accepted(uut, with_input("x")), answer)) == answer);
}
