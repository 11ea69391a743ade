/// JSON text in and out, fast: simdjson reads, and what is written is what nlohmann::json writes.
#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace echelon::providers {

/// A thread keeps its parsers, and a parser its memory: for texts up to this, in bytes. Longer ones
/// are rare.
inline constexpr std::size_t most_kept = 256 * 1024;

/// The value of a text that is valid JSON in UTF-8, as nlohmann::json::parse() gives it: the last
/// of members of one name counts. Discarded (`is_discarded()`) if it is not, or is beyond what
/// simdjson reads (integers wider than 64 bits, a byte order mark, 1024 levels): nlohmann's parser
/// then knows more, or tells what is wrong. Discarded too if brackets are nested deeper than
/// `most_depth`. `repeated`: set if an object has two members of one name.
[[nodiscard]] nlohmann::json read_json(std::string_view text, std::size_t most_depth = 500,
                                       bool* repeated = nullptr);

/// Compact text of `value`, byte by byte as its dump() gives it; ill-formed UTF-8 becomes U+FFFD.
[[nodiscard]] std::string write_json(const nlohmann::json& value);

/// `write_json(value).size()` as if no character of a string needed an escape, without a look at
/// the strings.
[[nodiscard]] std::size_t unescaped_size(const nlohmann::json& value);

} // namespace echelon::providers
