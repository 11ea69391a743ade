/// Google's Gemini API (generativelanguage).
#pragma once

#include "providers/adapter.hpp"
#include "providers/chunks.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace echelon::providers {

class gemini_adapter final : public adapter {
public:
  [[nodiscard]] built_request build(const canonical_request& request,
                                    const attempt_context& context) const override;
  [[nodiscard]] plain_reply parse(const canonical_request& request,
                                  std::string_view body) const override;
  [[nodiscard]] upstream_failure
  parse_error(int status, const header_list& headers, std::string_view body,
              std::chrono::system_clock::time_point now) const override;
  [[nodiscard]] std::unique_ptr<stream_decoder> decode_stream(const canonical_request& request,
                                                              std::int64_t created) const override;
};

/// `systemInstruction` and `contents` of a conversation.
struct gemini_turns {
  nlohmann::json system;   ///< A content object; null: none.
  nlohmann::json contents; ///< Roles `user` and `model` alternate.
};

/// Translates OpenAI's messages. Throws translation_error. With `signed_calls`, a turn's first call
/// that has no signature gets the word that stands for none.
[[nodiscard]] gemini_turns gemini_turns_of(const nlohmann::json& messages,
                                           bool signed_calls = false);

/// A JSON Schema as the OpenAPI subset that `functionDeclarations[].parameters` takes: unknown
/// keywords are left out at any depth (not properties that are named so), `$ref` is replaced by
/// what it points to. Null if nothing is left to say.
[[nodiscard]] nlohmann::json gemini_schema(const nlohmann::json& schema);

/// Turns GenerateContentResponse objects, as they come, into OpenAI's chunks.
class gemini_reader {
public:
  explicit gemini_reader(std::int64_t created) : writer_(created) {}
  void take(const nlohmann::json& response, std::vector<nlohmann::json>& chunks);
  /// The finish and usage chunks. To be called once, if complete().
  void end(std::vector<nlohmann::json>& chunks);
  /// Whether the model said that it is done, or that it will not begin.
  [[nodiscard]] bool complete() const { return !reasons_.empty(); }
  [[nodiscard]] const std::optional<token_usage>& usage() const { return usage_; }

private:
  void take_candidate(const nlohmann::json& candidate, std::int64_t index,
                      std::vector<nlohmann::json>& chunks);
  nlohmann::json call_of(const nlohmann::json& part, std::int64_t choice);
  void begin(std::int64_t choice, std::vector<nlohmann::json>& chunks);

  chunk_writer writer_;
  std::optional<token_usage> usage_;
  std::map<std::int64_t, std::string> reasons_; // By choice.
  std::map<std::int64_t, std::int64_t> calls_;  // Number of calls by choice.
  std::set<std::int64_t> begun_;
  std::set<std::string> ids_;
};

[[nodiscard]] std::unique_ptr<stream_decoder> make_gemini_decoder(std::int64_t created);

} // namespace echelon::providers
