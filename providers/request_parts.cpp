#include "providers/request_parts.hpp"

#include "providers/json_read.hpp"
#include "providers/text.hpp"
#include "providers/wire_error.hpp"

#include <algorithm>
#include <array>

namespace echelon::providers {

using nlohmann::json;

namespace {

constexpr std::uint32_t min_budget = 1024;

std::uint32_t budget_for(std::string_view effort) {
  if (effort == "low") return 2048;
  if (effort == "medium") return 8192;
  if (effort == "high") return 16384;
  if (effort == "xhigh" || effort == "max") return 32768;
  return min_budget;
}

bool has_tools(const json& body) {
  const auto& tools = member(body, "tools");
  return tools.is_array() && !tools.empty();
}

} // namespace

std::string endpoint(std::string_view base_url, std::string_view version, std::string_view suffix) {
  const auto scheme = base_url.find("://");
  if (scheme != std::string_view::npos) base_url.remove_prefix(scheme + 3);
  base_url = base_url.substr(0, std::min(base_url.find('?'), base_url.find('#')));
  const auto slash = base_url.find('/');
  auto path = slash == std::string_view::npos ? std::string_view{} : base_url.substr(slash);
  while (path.ends_with('/'))
    path.remove_suffix(1);
  std::string result{path.empty() ? version : path};
  result.append(suffix);
  return result;
}

void set_header(header_list& headers, std::string_view name, std::string value) {
  const auto it = std::find_if(headers.begin(), headers.end(),
                               [&](const auto& header) { return same_text(header.first, name); });
  if (it == headers.end())
    headers.emplace_back(name, std::move(value));
  else
    it->second = std::move(value);
}

http_request make_request(const attempt_context& context, std::string target, header_list auth,
                          std::string body, bool stream) {
  http_request request;
  request.target = std::move(target);
  request.headers.reserve(3 + auth.size() + context.provider.headers.size());
  request.headers.emplace_back("content-type", "application/json");
  request.headers.emplace_back("accept", stream ? "text/event-stream" : "application/json");
  request.headers.emplace_back("accept-encoding", "identity");
  for (auto& [name, value] : auth)
    set_header(request.headers, name, std::move(value));
  for (const auto& [name, value] : context.provider.headers)
    set_header(request.headers, name, value);
  request.body = std::move(body);
  return request;
}

std::string path_of(std::string_view parent, std::size_t index, std::string_view child) {
  std::string path{parent};
  path += '[' + std::to_string(index) + ']';
  if (!child.empty()) path.append(".").append(child);
  return path;
}

void note_unknown(const json& body, std::initializer_list<std::string_view> known,
                  std::vector<std::string>& dropped) {
  for (const auto& [key, value] : body.items())
    if (!value.is_null() && std::find(known.begin(), known.end(), key) == known.end())
      dropped.push_back(key);
}

std::optional<std::int64_t> asked_max_tokens(const json& body) {
  for (const auto* key : {"max_completion_tokens", "max_tokens"}) {
    if (!has(body, key)) continue;
    const auto count = count_of(body, key);
    if (!count || *count == 0)
      throw wrong_field(key, "'" + std::string{key} + "' must be an integer above 0.");
    return count;
  }
  return std::nullopt;
}

json tool_choice_of(const json& body, const config::tier_parameters& parameters) {
  if (!has_tools(body)) return nullptr;
  if (has(body, "tool_choice")) return member(body, "tool_choice");
  return parameters.function_calling.empty() ? json(nullptr) : json(parameters.function_calling);
}

json response_format_of(const json& body, const config::tier_parameters& parameters) {
  json format = member(body, "response_format");
  if (format.is_null() && parameters.response_format == "json") return {{"type", "json_object"}};
  return text_of(format, "type") == "text" ? json(nullptr) : format;
}

json arguments_object(const json& call, const std::string& path) {
  const auto& arguments = member(member(call, "function"), "arguments");
  if (arguments.is_null()) return json::object();
  if (arguments.is_object()) return arguments;
  const auto text = arguments.is_string() ? arguments.get<std::string>() : std::string{"0"};
  if (trim(text).empty()) return json::object();
  auto value = parse_json(text);
  if (!value.is_object())
    throw wrong_field(path + ".function.arguments",
                      "'" + path + ".function.arguments' must be a JSON object.");
  return value;
}

std::optional<data_url> parse_data_url(std::string_view url) {
  constexpr std::string_view scheme = "data:";
  constexpr std::string_view coding = ";base64";
  if (!url.starts_with(scheme)) return std::nullopt;
  const auto comma = url.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  auto kind = url.substr(scheme.size(), comma - scheme.size());
  if (!kind.ends_with(coding)) return std::nullopt;
  kind.remove_suffix(coding.size());
  kind = kind.substr(0, kind.find(';'));
  return data_url{std::string{kind.empty() ? "text/plain" : kind}, url.substr(comma + 1)};
}

thinking_wish thinking_of(const json& body, const config::tier_parameters& parameters) {
  using mode = thinking_wish::mode;
  thinking_wish wish;
  wish.effort = text_of(body, "reasoning_effort");
  const auto& thinking = member(body, "thinking");
  const auto type = text_of(thinking, "type");
  if (!type.empty()) {
    wish.by_client = true;
    wish.how = type == "disabled" ? mode::off : mode::on;
    const auto budget = count_of(thinking, "budget_tokens").value_or(0);
    wish.budget = budget > 0 ? static_cast<std::uint32_t>(std::min<std::int64_t>(budget, 1000000))
                             : budget_for(wish.effort.empty() ? "medium" : wish.effort);
  } else if (!wish.effort.empty()) {
    wish.by_client = true;
    wish.how = wish.effort == "none" ? mode::off : mode::on;
    wish.budget = budget_for(wish.effort);
  } else if (parameters.thinking) {
    wish.how = parameters.thinking->enabled ? mode::on : mode::off;
    wish.budget = parameters.thinking->budget_tokens.value_or(min_budget);
  }
  wish.budget = std::max(wish.budget, min_budget);
  return wish;
}

std::string_view effort_for(std::uint32_t budget) {
  if (budget < 4096) return "low";
  return budget < 16384 ? "medium" : "high";
}

} // namespace echelon::providers
