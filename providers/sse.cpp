#include "providers/sse.hpp"

#include <algorithm>
#include <utility>

namespace echelon::providers {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr std::size_t max_stray = 16384;

} // namespace

bool sse_parser::feed(std::string_view bytes, std::vector<sse_event>& out) {
  while (!bytes.empty() && !overflow_) {
    if (skip_lf_) {
      skip_lf_ = false;
      if (bytes.front() == '\n') {
        bytes.remove_prefix(1);
        continue;
      }
    }
    const auto end =
        std::find_if(bytes.begin(), bytes.end(), [](char c) { return c == '\n' || c == '\r'; });
    const auto size = static_cast<std::size_t>(end - bytes.begin());
    if (line_.size() + event_.data.size() + size > max_) {
      overflow_ = true;
      break;
    }
    line_.append(bytes.substr(0, size));
    if (size == bytes.size()) break;
    skip_lf_ = bytes[size] == '\r';
    bytes.remove_prefix(size + 1);
    end_line(out);
  }
  return !overflow_;
}

void sse_parser::finish(std::vector<sse_event>& out) {
  if (overflow_) return;
  if (!line_.empty()) end_line(out);
  dispatch(out);
}

void sse_parser::end_line(std::vector<sse_event>& out) {
  std::string_view line = line_;
  if (first_line_ && line.starts_with(byte_order_mark)) line.remove_prefix(byte_order_mark.size());
  first_line_ = false;
  if (line.empty())
    dispatch(out);
  else
    take_field(line);
  // Keeps the buffer for the next line, but not that of one huge line for the whole stream.
  if (line_.capacity() > max_stray)
    std::string{}.swap(line_);
  else
    line_.clear();
}

void sse_parser::take_field(std::string_view line) {
  const auto colon = line.find(':');
  const auto name = line.substr(0, colon);
  if (name.empty()) return; // A comment.
  auto value = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "data") {
    if (std::exchange(has_data_, true)) event_.data += '\n';
    event_.data.append(value);
  } else if (name == "event") {
    event_.event = value;
  } else if (name != "id" && name != "retry" && stray_.size() + line.size() < max_stray) {
    stray_.append(line).push_back('\n');
  }
}

void sse_parser::dispatch(std::vector<sse_event>& out) {
  if (!event_.data.empty()) out.push_back(std::move(event_));
  event_ = {};
  has_data_ = false;
}

} // namespace echelon::providers
