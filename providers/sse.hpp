/// Server-sent events, as they come off the wire.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace echelon::providers {

/// One event. `id` and `retry` fields are read over: no decoder needs them.
struct sse_event {
  std::string event; ///< Value of the last `event` field; may be empty.
  std::string data;  ///< `data` fields joined by LF; never empty.
  bool operator==(const sse_event&) const = default;
};

/// Incremental parser of an event stream (WHATWG HTML, "Server-sent events"). Lines end with LF,
/// CRLF or CR, whatever the borders between reads; an event leaves with its blank line. One thing
/// differs from the standard: the last event counts even without its blank line, see finish().
class sse_parser {
public:
  static constexpr std::size_t default_max_event = std::size_t{64} << 20U;

  explicit sse_parser(std::size_t max_event_bytes = default_max_event) : max_(max_event_bytes) {}

  /// Takes the next bytes and appends the events they complete to `out`. Linear in the input.
  /// @returns False once an event is larger than allowed; the parser then takes nothing more.
  [[nodiscard]] bool feed(std::string_view bytes, std::vector<sse_event>& out);

  /// End of input: delivers an unfinished line and an event without its blank line.
  void finish(std::vector<sse_event>& out);

  /// Lines that are no field of an event, joined by LF: some servers write a bare JSON error into a
  /// stream. At most 16 KiB, the rest is lost.
  [[nodiscard]] const std::string& stray() const { return stray_; }

private:
  void end_line(std::vector<sse_event>& out);
  void take_field(std::string_view line);
  void dispatch(std::vector<sse_event>& out);

  std::size_t max_;
  std::string line_;
  std::string stray_;
  sse_event event_;
  bool has_data_ = false;
  bool first_line_ = true;
  bool skip_lf_ = false; // The last byte was CR: an LF now belongs to it.
  bool overflow_ = false;
};

} // namespace echelon::providers
