/// What an LlmClient holds.
#pragma once

#include "api/backend.hpp"

#include <echelon/client.hpp>

#include <memory>
#include <optional>
#include <string>

namespace echelon {

struct LlmClient::impl {
  std::shared_ptr<api::backend> to;
  std::string target;
  std::optional<NodeConfig> node; ///< In place of `target`.
};

namespace api {

/// Starts a call of `of`; no targets: its own. Whatever is wrong goes to the listener.
CallHandle start_call(const LlmClient::impl& of, std::vector<std::string> targets,
                      const Prompt& prompt, const CallOptions& options, bool stream,
                      const std::shared_ptr<listener>& to);

/// A stream to read.
[[nodiscard]] CompletionStream open_call(const LlmClient::impl& of,
                                         std::vector<std::string> targets, const Prompt& prompt,
                                         const CallOptions& options);

} // namespace api
} // namespace echelon
