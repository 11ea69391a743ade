/// Writes Anthropic Messages streams.
#pragma once

#include "gateway/front/block_sequencer.hpp"
#include "gateway/front/front.hpp"

namespace echelon::gateway {

/// message_start, then per block content_block_start, _delta, _stop; at the end message_delta with
/// stop reason and usage, and message_stop.
class messages_stream final : public stream_encoder, private block_sink {
public:
  explicit messages_stream(std::string target) : target_(std::move(target)), blocks_(*this) {}
  std::string chunk(const nlohmann::json& chunk) override;
  std::string finish() override;
  std::string error(const api_error& error) override;

private:
  void open(const block_head& head) override;
  void append(std::string_view text) override;
  void close(std::string_view signature) override;
  void start(const nlohmann::json& chunk);
  void delta(nlohmann::json value);

  std::string target_;
  block_sequencer blocks_;
  std::string out_;
  block_kind kind_ = block_kind::text;
  std::int64_t index_ = -1;
  bool started_ = false;
  bool closed_ = false;
};

} // namespace echelon::gateway
