/// What the simulated upstreams do: rules read from a YAML or JSON text. See docs/simulator.md.
#pragma once

#include "providers/adapter.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace echelon::providers {

/// Which requests a rule is for. Empty and absent fields match all.
struct script_match {
  std::string model;    ///< Exactly this model.
  std::string path;     ///< The request's path ends with this.
  std::string contains; ///< The request's body holds this text.
  std::optional<bool> stream;
  std::map<std::string, std::string> headers; ///< Names in lower case; values exactly.
  std::uint64_t from = 1; ///< First and last of the requests that match all else, from 1.
  std::uint64_t to = std::numeric_limits<std::uint64_t>::max();
};

/// How an answer ends.
enum class script_ending : std::uint8_t {
  complete,
  cut,        ///< After some chunks the connection is reset.
  close,      ///< After some chunks the connection is closed.
  stall,      ///< After some chunks nothing more comes.
  hang,       ///< No byte of an answer comes.
  drop_cut,   ///< Reset before any byte of an answer.
  drop_close, ///< Closed before any byte of an answer.
};

struct script_timing {
  std::chrono::nanoseconds latency{0};     ///< Before the answer's head.
  std::chrono::nanoseconds first_token{0}; ///< From the head to the first content; streams only.
  std::chrono::nanoseconds per_token{0};   ///< Between chunks of content; streams only.
};

/// What happens to a request.
struct script_action {
  int status = 200;
  std::optional<std::string> body; ///< Instead of the body that would be made.
  header_list headers;             ///< Added to the answer's head, or instead of its own.
  script_timing timing;
  std::optional<std::string> text; ///< The answer's text.
  std::uint32_t words = 0;         ///< > 0: the text is this many words instead.
  script_ending ending = script_ending::complete;
  std::size_t ending_after = 0;              ///< Chunks of content before `ending`.
  std::optional<nlohmann::json> error_event; ///< Sent in a stream in place of the rest.
  std::size_t error_after = 0;               ///< Chunks of content before `error_event`.
};

struct script_rule {
  script_match match;
  script_action then;
  std::uint64_t repeat = std::numeric_limits<std::uint64_t>::max(); ///< Uses before it is spent.
  std::uint64_t seen = 0; ///< Requests that matched all but from/to.
  std::uint64_t used = 0;
};

struct simulator_script {
  script_timing defaults;
  std::vector<script_rule> rules; ///< The first that matches is played.
};

/// A script that cannot be used; what() is `NAME:line:column: text`.
struct script_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Reads a script. `name` is for messages. Throws script_error.
[[nodiscard]] simulator_script parse_script(const std::string& text, std::string_view name);

/// Reads a script from a file. Throws script_error.
[[nodiscard]] simulator_script load_script(const std::string& path);

} // namespace echelon::providers
