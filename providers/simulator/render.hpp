/// Answers of a simulated upstream in each wire format.
#pragma once

#include "providers/simulator/call.hpp"

#include <string>
#include <vector>

namespace echelon::providers {

/// One streamed answer. Each string holds whole events.
struct rendered_stream {
  std::string opening;             ///< Before any content; may be empty.
  std::vector<std::string> chunks; ///< One delta of content, tool call or thinking each.
  std::string closing;             ///< The proper end.
};

/// Renders the answers to one call. `id` makes ids unique; it counts from 1.
class answer_renderer {
public:
  answer_renderer(const simulated_call& call, std::string text, std::uint64_t id);

  /// Plain answer's body, for any API that has one.
  [[nodiscard]] std::string plain() const;
  /// Stream of a chat API.
  [[nodiscard]] rendered_stream stream() const;

private:
  [[nodiscard]] nlohmann::json openai_usage() const;
  [[nodiscard]] nlohmann::json openai_plain() const;
  [[nodiscard]] rendered_stream openai_stream() const;
  [[nodiscard]] nlohmann::json openai_embeddings() const;
  [[nodiscard]] nlohmann::json anthropic_plain() const;
  [[nodiscard]] rendered_stream anthropic_stream() const;
  [[nodiscard]] nlohmann::json gemini_event(nlohmann::json parts, bool last) const;
  [[nodiscard]] nlohmann::json gemini_plain() const;
  [[nodiscard]] rendered_stream gemini_stream() const;
  [[nodiscard]] nlohmann::json gemini_embeddings() const;

  const simulated_call& call_;
  std::string text_;
  std::uint64_t id_;
  std::int64_t thought_tokens_ = 0;
  std::int64_t completion_tokens_ = 0; ///< With thoughts.
};

/// JSON text; bytes that are no UTF-8 are replaced.
[[nodiscard]] std::string to_text(const nlohmann::json& value);
/// Words, each with the blanks behind it. Joined they are the text.
[[nodiscard]] std::vector<std::string> split_words(std::string_view text);
/// "Simulated <model> answer to: <first 200 bytes of the prompt>", cut between characters.
[[nodiscard]] std::string echo_text(const simulated_call& call);
/// Error body in the shape of the API.
[[nodiscard]] std::string error_text(simulated_api api, int status, const std::string& message);
/// An event with this JSON, as the API frames errors in its streams.
[[nodiscard]] std::string error_event_text(simulated_api api, const nlohmann::json& event);
/// `dimensions` numbers in [-1, 1), the same for the same input.
[[nodiscard]] std::vector<float> embed(std::string_view input, std::size_t dimensions);
/// What the simulator thinks when it is asked to.
inline constexpr std::string_view thought_text = "Simulated thinking about it.";

} // namespace echelon::providers
