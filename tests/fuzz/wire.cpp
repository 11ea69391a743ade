// Any bytes as an upstream's answer: plain, streamed in any pieces, or as an error.
#include "providers/adapter.hpp"
#include "providers/openai_verbatim.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

using namespace echelon;

void stream(const providers::adapter& wire, const providers::canonical_request& request,
            std::string_view bytes, std::size_t step) {
  const auto whole = wire.decode_stream(request, 1);
  bool over = false;
  for (std::size_t i = 0; i < bytes.size() && !over; i += step) {
    const auto update = whole->feed(bytes.substr(i, step));
    for (const auto& chunk : update.chunks)
      if (!chunk.is_object()) std::abort();
    over = update.finished || update.failure.has_value();
  }
  if (over) return;
  const auto last = whole->finish();
  // An end that nobody announced is never a clean one.
  if (!last.finished && !last.failure) std::abort();
}

/// What goes on as the upstream wrote it says what would have been written anew.
void verbatim(const providers::adapter& wire, providers::canonical_request request,
              const std::string& text) {
  const auto anew = wire.parse(request, text);
  request.text = "{}";
  const auto same = wire.parse(request, text);
  if (same.failure.has_value() != anew.failure.has_value()) std::abort();
  if (same.failure) return;
  const auto tokens = [](const providers::plain_reply& x) {
    return x.usage ? x.usage->prompt_tokens + x.usage->completion_tokens : -1;
  };
  if (tokens(same) != tokens(anew)) std::abort();
  if (same.text.empty() ? same.body != anew.body : nlohmann::json::parse(same.text) != anew.body)
    std::abort();
}

/// A client's text for another model is JSON and differs in nothing else.
void with_model(const std::string& text) {
  const auto changed = providers::with_model(text, "other", R"("more":true)");
  auto before = nlohmann::json::parse(text, nullptr, false);
  if (!changed || before.is_discarded()) return; // Only texts that were read go this way.
  auto after = nlohmann::json::parse(*changed, nullptr, false);
  if (!after.is_object() || after["model"] != "other") std::abort();
  before["model"] = "other";
  before["more"] = true;
  if (before != after) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string text{reinterpret_cast<const char*>(data) + 2, size - 2};
  const auto kind = static_cast<config::provider_kind>(data[0] % 3);
  const auto& wire = providers::adapter_for(kind);
  providers::canonical_request request;
  request.tree = {{"model", "m"}, {"messages", {{{"role", "user"}, {"content", "hi"}}}}};
  request.stream = (data[0] & 4U) != 0;
  if ((data[0] & 8U) != 0) request.op = providers::operation::embeddings;
  if ((data[0] & 32U) != 0) request.native = providers::native_request{request.tree, {}, {}, {}};
  if (request.stream) {
    stream(wire, request, text, 1 + data[1] % 64U);
  } else if ((data[0] & 16U) != 0) {
    const auto failure = wire.parse_error(200 + data[1] * 2, {{"retry-after", text}}, text, {});
    if (failure.message.size() > 600) std::abort();
    static_cast<void>(nlohmann::json(failure.message).dump()); // It must be valid UTF-8.
  } else {
    const auto reply = wire.parse(request, text);
    if (!reply.failure && !reply.body.is_object()) std::abort();
    if (kind == config::provider_kind::openai) verbatim(wire, request, text);
    with_model(text);
  }
  return 0;
}
