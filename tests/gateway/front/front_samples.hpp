/// Samples and readers shared by the tests of the fronts.
#pragma once

#include "gateway/front/front.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace echelon::test {

using gateway::api_error;
using gateway::front;
using gateway::front_request;
using nlohmann::json;

/// Reads a body that must be accepted.
inline front_request accepted(const front& uut, const json& body) {
  front_request out;
  const auto error = uut.read(body.dump(), out);
  INFO((error ? error->message : std::string{}));
  REQUIRE_FALSE(error);
  return out;
}

/// Reads a body that must be refused with a 400.
inline api_error refused(const front& uut, std::string_view body) {
  front_request out;
  auto error = uut.read(body, out);
  REQUIRE(error);
  CHECK(error->status == 400);
  CHECK(error->type == "invalid_request_error");
  CHECK(error->code.empty());
  return *error;
}

/// `param` of the refusal of a body.
inline std::string fault(const front& uut, const json& body) {
  return refused(uut, body.dump()).param;
}

/// One chunk with one choice.
inline json chunk_of(json delta, json finish_reason = nullptr) {
  return {{"id", "chatcmpl-1"},
          {"object", "chat.completion.chunk"},
          {"created", 7},
          {"model", "m"},
          {"choices", json::array({{{"index", 0},
                                    {"delta", std::move(delta)},
                                    {"finish_reason", std::move(finish_reason)}}})}};
}

inline json text_chunk(const char* text) {
  return chunk_of({{"content", text}});
}

/// A piece of a tool call; `id` and `name` may be null.
inline json tool_chunk(int index, const char* id, const char* name, const char* arguments) {
  json call = {{"index", index}, {"function", {{"arguments", arguments}}}};
  if (id) call.update({{"id", id}, {"type", "function"}});
  if (name) call["function"]["name"] = name;
  return chunk_of({{"tool_calls", json::array({call})}});
}

/// 25 prompt tokens of which 4 were cached, 33 completion tokens.
inline json sample_usage() {
  return {{"prompt_tokens", 25},
          {"completion_tokens", 33},
          {"total_tokens", 58},
          {"prompt_tokens_details", {{"cached_tokens", 4}}},
          {"completion_tokens_details", {{"reasoning_tokens", 5}}}};
}

inline json usage_chunk() {
  auto chunk = chunk_of(json::object());
  chunk["choices"] = json::array();
  chunk["usage"] = sample_usage();
  return chunk;
}

/// A whole answer with this message.
inline json answer_of(json message, const char* finish_reason) {
  return {{"id", "chatcmpl-1"},
          {"object", "chat.completion"},
          {"created", 7},
          {"model", "m"},
          {"choices", json::array({{{"index", 0},
                                    {"message", std::move(message)},
                                    {"finish_reason", finish_reason}}})},
          {"usage", sample_usage()}};
}

struct sse {
  std::string event; ///< Empty: no `event:` line.
  std::string data;
  [[nodiscard]] json value() const { return json::parse(data); }
};

/// Splits a stream into its events; every event must be whole and ended by a blank line.
inline std::vector<sse> events_of(std::string_view stream) {
  std::vector<sse> result;
  while (!stream.empty()) {
    const auto end = stream.find("\n\n");
    REQUIRE(end != std::string_view::npos);
    auto text = stream.substr(0, end);
    stream.remove_prefix(end + 2);
    sse event;
    if (text.starts_with("event: ")) {
      event.event = text.substr(7, text.find('\n') - 7);
      text.remove_prefix(text.find('\n') + 1);
    }
    REQUIRE(text.starts_with("data: "));
    CHECK(text.find('\n') == std::string_view::npos);
    event.data = text.substr(6);
    result.push_back(std::move(event));
  }
  return result;
}

/// The events of a whole stream: `chunks`, then the clean end.
inline std::vector<sse> streamed(const front& uut, const front_request& request,
                                 const std::vector<json>& chunks) {
  const auto encoder = uut.encode_stream(request);
  std::string text;
  for (const auto& chunk : chunks)
    text += encoder->chunk(chunk);
  text += encoder->finish();
  CHECK(encoder->chunk(text_chunk("late")).empty());
  CHECK(encoder->finish().empty());
  CHECK(encoder->error({}).empty());
  return events_of(text);
}

} // namespace echelon::test
