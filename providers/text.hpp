/// Makes text of upstreams safe to keep, to log and to show.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace echelon::providers {

struct upstream_failure;

/// Most bytes of an upstream's message that are kept.
inline constexpr std::size_t max_message_bytes = 500;

[[nodiscard]] std::string_view trim(std::string_view text);

/// Equal but for the case of ASCII letters.
[[nodiscard]] bool same_text(std::string_view a, std::string_view b);

/// Whether `word` is in `text`, whatever the case of ASCII letters.
[[nodiscard]] bool contains_text(std::string_view text, std::string_view word);

/// At most `max_bytes` of valid UTF-8, cut between characters.
[[nodiscard]] std::string_view cut_utf8(std::string_view text, std::size_t max_bytes);

/// `text` with each ill-formed sequence replaced by U+FFFD (Unicode 15, section 3.9).
[[nodiscard]] std::string valid_utf8(std::string_view text);

/// Embeddings as OpenAI's `encoding_format: base64` gives them: float32, little endian (RFC 4648).
[[nodiscard]] std::string base64_of(const std::vector<float>& values);

/// Whether the text is a page rather than a message.
[[nodiscard]] bool looks_like_html(std::string_view text);

/// `text` without anything that looks like a key (`sk-...`, `AIza...`, `Bearer ...`) and without
/// `secret`, nor a beginning of it at the end, where a message was cut.
[[nodiscard]] std::string scrub(std::string_view text, std::string_view secret = {});

/// What may be shown of an upstream's message: valid UTF-8, no control characters, no HTML, nothing
/// like a key, at most max_message_bytes. `status` 0: none.
[[nodiscard]] std::string safe_message(std::string_view text, int status);

/// Takes `secret`, the key an attempt was made with, out of all texts of `failure`: adapters do not
/// know it when they read an answer.
void scrub_failure(upstream_failure& failure, std::string_view secret);

} // namespace echelon::providers
