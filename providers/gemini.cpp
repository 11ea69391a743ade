#include "providers/gemini.hpp"

#include "providers/event_decoder.hpp"
#include "providers/json_read.hpp"
#include "providers/openai.hpp"
#include "providers/text.hpp"
#include "providers/wire_error.hpp"

#include <exception>

namespace echelon::providers {

using nlohmann::json;

namespace {

class gemini_decoder final : public event_decoder {
public:
  explicit gemini_decoder(std::int64_t created) : reader_(created) {}

private:
  void on_event(const json& event, stream_update& out) override {
    std::vector<json> chunks;
    if (event.is_array())
      for (const auto& response : event)
        reader_.take(response, chunks);
    else
      reader_.take(event, chunks);
    pass_on(chunks, out);
    if (has(event, "usageMetadata")) out.usage = reader_.usage();
  }

  void on_done(stream_update& out) override { on_close(out); }

  void on_body(const json& body, stream_update& out) override {
    on_event(body, out);
    on_close(out);
  }

  // The last event carries a finish reason, but so may earlier ones: only the close is the end.
  void on_close(stream_update& out) override {
    if (!reader_.complete()) {
      out.failure = cut_stream();
      return;
    }
    std::vector<json> chunks;
    reader_.end(chunks);
    pass_on(chunks, out);
    out.usage = reader_.usage();
    out.finished = true;
  }

  static void pass_on(std::vector<json>& chunks, stream_update& out) {
    for (auto& chunk : chunks)
      emit(std::move(chunk), out);
  }

  gemini_reader reader_;
};

plain_reply read_answer(const json& value) {
  plain_reply reply;
  gemini_reader reader{0};
  std::vector<json> chunks;
  if (value.is_array())
    for (const auto& response : value)
      reader.take(response, chunks);
  else
    reader.take(value, chunks);
  if (chunks.empty()) {
    reply.failure = invalid_reply("upstream answered without candidates");
    return reply;
  }
  reader.end(chunks);
  reply.body = completion_of(chunks);
  reply.usage = reader.usage();
  return reply;
}

json vector_of(const json& values, bool base64) {
  return base64 ? json(base64_of(values.get<std::vector<float>>())) : values;
}

plain_reply read_vectors(const canonical_request& request, const json& value) {
  const bool base64 = text_of(request.body(), "encoding_format") == "base64";
  const auto tokens = count_of(member(value, "usageMetadata"), "promptTokenCount").value_or(0);
  json data = json::array();
  if (const auto& embeddings = member(value, "embeddings"); embeddings.is_array())
    for (const auto& embedding : embeddings)
      data.push_back({{"object", "embedding"},
                      {"index", data.size()},
                      {"embedding", vector_of(member(embedding, "values"), base64)}});
  auto reply = read_embeddings({{"object", "list"},
                                {"data", std::move(data)},
                                {"model", text_of(request.body(), "model")},
                                {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}});
  // Most models count no tokens of embeddings: what was estimated stays then.
  if (tokens == 0) reply.usage.reset();
  return reply;
}

} // namespace

plain_reply gemini_adapter::parse(const canonical_request& request, std::string_view body) const {
  plain_reply reply;
  try {
    const auto value = parse_json(body);
    if (value.is_discarded())
      reply.failure = not_json(body);
    else if (auto failure = embedded_failure(value))
      reply.failure = std::move(failure);
    else
      reply = request.op == operation::chat ? read_answer(value) : read_vectors(request, value);
  } catch (const std::exception&) {
    reply.failure = invalid_reply("upstream answered in an unknown form");
  }
  return reply;
}

upstream_failure gemini_adapter::parse_error(int status, const header_list& headers,
                                             std::string_view body,
                                             std::chrono::system_clock::time_point now) const {
  return read_failure(status, headers, body, now);
}

std::unique_ptr<stream_decoder> gemini_adapter::decode_stream(const canonical_request&,
                                                              std::int64_t created) const {
  return make_gemini_decoder(created);
}

std::unique_ptr<stream_decoder> make_gemini_decoder(std::int64_t created) {
  return std::make_unique<gemini_decoder>(created);
}

} // namespace echelon::providers
