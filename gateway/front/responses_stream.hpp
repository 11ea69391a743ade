/// Writes Responses streams.
#pragma once

#include "gateway/front/block_sequencer.hpp"
#include "gateway/front/front.hpp"

namespace echelon::gateway {

/// response.created, response.in_progress, the events of each output item, and at the end
/// response.completed, .incomplete or .failed. An error before response.created is an `error`
/// event.
class responses_stream final : public stream_encoder, private block_sink {
public:
  explicit responses_stream(front_request request) : request_(std::move(request)), blocks_(*this) {}
  std::string chunk(const nlohmann::json& chunk) override;
  std::string finish() override;
  std::string error(const api_error& error) override;

private:
  void open(const block_head& head) override;
  void append(std::string_view text) override;
  void close(std::string_view signature) override;
  void start(const nlohmann::json& chunk);
  void emit(const char* type, nlohmann::json fields);
  void emit_in_item(const char* type, nlohmann::json fields);
  [[nodiscard]] nlohmann::json part() const;
  [[nodiscard]] nlohmann::json item(const char* status) const;
  void close_text(const char* done, const char* key);

  front_request request_; ///< Without its body.
  block_sequencer blocks_;
  std::string out_;
  nlohmann::json response_; ///< Null until started; `output` holds the finished items.
  block_head head_;
  std::string item_id_;
  std::string text_;
  std::string signature_; ///< Of a thought that is complete.
  std::int64_t sequence_ = 0;
  bool ended_ = false;
};

} // namespace echelon::gateway
