/// Turns OpenAI's interleaved deltas into whole blocks, one after the other.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace echelon::gateway {

enum class block_kind : std::uint8_t { text, refusal, thinking, redacted, tool };

/// What is known of a block when it begins.
struct block_head {
  block_kind kind = block_kind::text;
  std::string id{};   ///< Of a tool call; may be empty.
  std::string name{}; ///< Of a tool call.
  std::string data{}; ///< Of a redacted thought.
};

/// Receives the blocks of one answer. Only one is open at a time.
class block_sink {
public:
  virtual void open(const block_head& head) = 0;
  virtual void append(std::string_view text) = 0;     ///< Never empty.
  virtual void close(std::string_view signature) = 0; ///< `signature` of a thought; may be empty.

protected:
  ~block_sink() = default;
};

/// The first block is passed on as it grows. A later one waits until the first is complete: a tool
/// call when its arguments are whole JSON, anything else when another block began. OpenAI may mix
/// the deltas of parallel tool calls; Anthropic's blocks never overlap.
class block_sequencer {
public:
  explicit block_sequencer(block_sink& sink) : sink_(sink) {}

  /// Takes one `chat.completion.chunk`; only choice 0 is read. `delta.reasoning_content` is thought
  /// text; `delta.thinking_blocks` gives signatures and redacted thoughts.
  void take(const nlohmann::json& chunk);
  /// Passes on and closes all that is left.
  void flush();

  [[nodiscard]] const std::string& finish_reason() const { return finish_reason_; }
  [[nodiscard]] const nlohmann::json& usage() const { return usage_; } ///< Null: none seen.
  [[nodiscard]] bool saw_tool() const { return saw_tool_; }

private:
  struct block {
    block_head head{};
    std::int64_t index = 0;  ///< Of a tool call.
    std::string text{};      ///< All of it, passed on or not.
    std::size_t passed = 0;  ///< Bytes of `text` that were passed on.
    std::size_t checked = 0; ///< Size of `text` when `whole` was found out.
    bool whole = false;      ///< A tool call whose arguments are whole JSON.
    std::string signature{};
    bool open = false;
  };

  block& last_of(block_kind kind);
  void take_thinking_blocks(const nlohmann::json& blocks, bool text_taken);
  void take_tool_call(const nlohmann::json& call);
  void advance(bool all);
  void pass_on(block& x);
  static bool whole(block& x);

  block_sink& sink_;
  std::deque<block> blocks_; ///< Front: the open one.
  std::string finish_reason_;
  nlohmann::json usage_;
  std::int64_t last_tool_ = -1;
  bool saw_tool_ = false;
};

} // namespace echelon::gateway
