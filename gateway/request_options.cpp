#include "gateway/request_options.hpp"

#include "config/inline_node.hpp"
#include "providers/json_read.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace echelon::gateway {

using engine::api_error;

namespace {

/// The client's own id if it is harmless, else a new one.
std::string request_id(const http_message& m) {
  const auto given = field(m, "x-request-id");
  const auto fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'
           || c == '_' || c == '.' || c == ':';
  };
  if (given.empty() || given.size() > 128 || !std::all_of(given.begin(), given.end(), fine))
    return providers::make_id("req_");
  return std::string{given};
}

std::optional<std::int64_t> whole_number(std::string_view x) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(x.data(), x.data() + x.size(), value);
  if (error != std::errc{} || end != x.data() + x.size()) return std::nullopt;
  return value;
}

std::vector<std::string> list_of(std::string_view text) {
  std::vector<std::string> found;
  while (!text.empty()) {
    const auto comma = text.find(',');
    auto item = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    while (!item.empty() && item.front() == ' ')
      item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ')
      item.remove_suffix(1);
    if (!item.empty()) found.emplace_back(item);
  }
  return found;
}

} // namespace

std::string_view field(const http_message& m, std::string_view name) {
  const auto x = m[boost::beast::string_view{name.data(), name.size()}];
  return {x.data(), x.size()};
}

std::optional<api_error> read_options(const http_message& m, const config::RouterConfig& config,
                                      engine::call_options& out, engine::call_request& request) {
  const auto wrong = [](std::string_view name, std::string_view what) {
    return api_error{400, fmt::format("Header {} must be {}.", name, what), "invalid_request_error",
                     "invalid_header", std::string{name}};
  };
  out.request_id = request_id(m);
  out.fallback_groups = list_of(field(m, "x-echelon-fallback-groups"));
  if (out.fallback_groups.size() > 32)
    return wrong("x-echelon-fallback-groups", "at most 32 names");
  if (m.find("x-echelon-priority") != m.end()) {
    const auto value = whole_number(field(m, "x-echelon-priority"));
    if (!value || *value < 0 || *value > 9)
      return wrong("x-echelon-priority", "a number from 0 to 9");
    out.priority = static_cast<std::uint8_t>(*value);
  }
  if (m.find("x-echelon-timeout-ms") != m.end()) {
    const auto value = whole_number(field(m, "x-echelon-timeout-ms"));
    if (!value || *value < 1 || *value > 86'400'000)
      return wrong("x-echelon-timeout-ms", "a number of milliseconds from 1 to 86400000");
    out.timeout = std::chrono::milliseconds{*value};
  }
  if (const auto text = field(m, "x-echelon-node-config"); !text.empty()) {
    std::vector<std::string> faults;
    request.node = config::read_inline_node(config, text, faults);
    if (!request.node) {
      std::string all;
      for (const auto& x : faults)
        all += (all.empty() ? "" : "; ") + x;
      return api_error{400, fmt::format("Header x-echelon-node-config: {}.", all),
                       "invalid_request_error", "invalid_header", "x-echelon-node-config"};
    }
  }
  return std::nullopt;
}

} // namespace echelon::gateway
