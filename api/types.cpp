// Prompts, nodes of code, errors: what callers hold.
#include "api/answers.hpp"
#include "engine/body_reader.hpp"
#include "providers/json_read.hpp"

#include <echelon/error.hpp>
#include <echelon/extensions.hpp>
#include <echelon/factory.hpp>

namespace echelon {

Prompt::Prompt(std::string text)
    : Prompt(std::vector<Message>{{std::string{"user"}, std::move(text)}}) {}

Prompt::Prompt(const char* text) : Prompt(std::string{text}) {}

Prompt::Prompt(std::vector<Message> messages) {
  auto list = nlohmann::json::array();
  for (auto& x : messages)
    list.push_back({{"role", std::move(x.role)}, {"content", std::move(x.content)}});
  json_ = providers::dump(nlohmann::json{{"messages", std::move(list)}});
}

Prompt::Prompt(whole, std::string json) : json_(std::move(json)) {}

Prompt Prompt::from_json(const std::string& body) {
  const auto error = engine::reading([&] { static_cast<void>(engine::parse_object(body)); });
  if (error) throw api::plain_error(ErrorKind::invalid_request, error->message, 400);
  return {whole{}, body};
}

namespace {

nlohmann::json thinking_json(const ThinkingConfig& x) {
  nlohmann::json found{{"enabled", x.enabled}};
  if (x.budget_tokens) found["budget_tokens"] = *x.budget_tokens;
  return found;
}

nlohmann::json task_json(const TaskConfig& x) {
  auto found = nlohmann::json::object();
  if (x.timeout) found["timeout"] = *x.timeout;
  if (x.max_retries) found["max_retries"] = *x.max_retries;
  if (x.temperature) found["temperature"] = *x.temperature;
  if (!x.response_format.empty()) found["response_format"] = x.response_format;
  if (!x.function_calling.empty()) found["function_calling"] = x.function_calling;
  if (x.thinking_config) found["thinking_config"] = thinking_json(*x.thinking_config);
  return found;
}

} // namespace

std::string NodeConfig::json() const {
  if (!text.empty()) return text;
  nlohmann::json x{{"type", type}};
  if (!llm_group.empty()) x["llm_group"] = llm_group;
  if (fallback_groups) x["fallback_groups"] = *fallback_groups;
  if (!polling_pool.empty()) x["polling_pool"] = polling_pool;
  if (!task_type.empty()) x["task_type"] = task_type;
  if (auto task = task_json(task_config); !task.empty()) x["task_config"] = std::move(task);
  if (thinking_config) x["thinking_config"] = thinking_json(*thinking_config);
  return providers::dump(x);
}

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
  case ErrorKind::configuration: return "configuration";
  case ErrorKind::unknown_target: return "unknown_target";
  case ErrorKind::invalid_request: return "invalid_request";
  case ErrorKind::authentication: return "authentication";
  case ErrorKind::rate_limited: return "rate_limited";
  case ErrorKind::queue_full: return "queue_full";
  case ErrorKind::no_healthy_upstream: return "no_healthy_upstream";
  case ErrorKind::unavailable: return "unavailable";
  case ErrorKind::deadline_exceeded: return "deadline_exceeded";
  case ErrorKind::upstream: return "upstream";
  case ErrorKind::connection: return "connection";
  case ErrorKind::cancelled: return "cancelled";
  case ErrorKind::shut_down: return "shut_down";
  }
  return "unknown";
}

LlmError::LlmError(const std::string& message, ErrorInfo info)
    : std::runtime_error(message), info_(std::move(info)) {}
LlmError::LlmError(const LlmError&) = default;
LlmError& LlmError::operator=(const LlmError&) = default;
LlmError::~LlmError() = default;

std::string_view version() {
  return ECHELON_VERSION;
}

} // namespace echelon
