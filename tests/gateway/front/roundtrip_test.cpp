// What a client of each API reads out of a stream is what the upstream said, whatever the answer.
#include "tests/gateway/front/front_samples.hpp"
#include "tests/providers/wire/answers.hpp"

using namespace echelon::gateway;
using namespace echelon::providers::test;

namespace {

constexpr auto openai = echelon::config::provider_kind::openai;
constexpr unsigned seeds = 1000;

/// The canonical chunks of a random answer.
std::vector<json> chunks_of_answer(dice& chance, const answer& x) {
  return decode(openai, random_pieces(chance, openai_stream(chance, x))).chunks;
}

std::string encoded(const front& uut, const front_request& request,
                    const std::vector<json>& chunks) {
  const auto encoder = uut.encode_stream(request);
  std::string text;
  for (const auto& chunk : chunks)
    text += encoder->chunk(chunk);
  return text + encoder->finish();
}

/// Random answers through the stream of `uut` and back by the wire of the same form.
void check_front(const front& uut, echelon::config::provider_kind wire) {
  for (unsigned seed = 0; seed < seeds; ++seed) {
    INFO("seed " << seed);
    dice chance{seed};
    const auto expected = random_answer(chance);
    const auto text = encoded(uut, {.target = "t"}, chunks_of_answer(chance, expected));
    check_answer(expected, decode(wire, random_pieces(chance, text)));
  }
}

} // namespace

TEST_CASE("a stream of chat completions reads as it was said", "[front][properties]") {
  check_front(openai_chat_front(), openai);
}

TEST_CASE("a stream of Messages reads as it was said", "[front][properties]") {
  check_front(anthropic_messages_front(), echelon::config::provider_kind::anthropic);
}

TEST_CASE("a stream of Responses reads as it was said", "[front][properties]") {
  for (unsigned seed = 0; seed < seeds; ++seed) {
    INFO("seed " << seed);
    dice chance{seed};
    const auto expected = random_answer(chance);
    std::string text;
    std::string thought;
    std::map<std::string, std::string> arguments;
    json output;
    std::int64_t number = 0;
    for (const auto& event : echelon::test::events_of(
             encoded(openai_responses_front(), {.target = "t", .echo = json::object()},
                     chunks_of_answer(chance, expected)))) {
      const auto value = event.value();
      const auto type = value["type"].get<std::string>();
      CHECK(event.event == type);
      CHECK(value["sequence_number"] == number++);
      if (type == "response.output_text.delta") text += value["delta"].get<std::string>();
      if (type == "response.reasoning_text.delta") thought += value["delta"].get<std::string>();
      if (type == "response.function_call_arguments.delta")
        arguments[value["item_id"]] += value["delta"].get<std::string>();
      if (type == "response.completed") output = value["response"]["output"];
    }
    CHECK(text == expected.text);
    CHECK(thought == expected.thought);
    std::vector<std::pair<std::string, json>> calls;
    for (const auto& item : output)
      if (item["type"] == "function_call") {
        CHECK(arguments[item["id"]] == item["arguments"]);
        calls.emplace_back(item["name"], json::parse(item["arguments"].get<std::string>()));
      }
    CHECK(calls == expected.calls);
  }
}
