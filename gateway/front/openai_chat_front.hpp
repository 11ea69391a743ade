/// Writes OpenAI chat completion streams.
#pragma once

#include "gateway/front/front.hpp"

namespace echelon::gateway {

/// `data: {chunk}` events, ended by `data: [DONE]`. Usage goes out once, as the last chunk with
/// empty `choices`, and only if the client asked. An error event is the last one: no `[DONE]`
/// follows it.
class chat_stream : public stream_encoder {
public:
  explicit chat_stream(bool include_usage) : include_usage_(include_usage) {}
  std::string chunk(const nlohmann::json& chunk) override;
  std::string finish() override;
  std::string error(const api_error& error) override;

private:
  void complete(nlohmann::json& chunk);

  bool include_usage_;
  bool closed_ = false;
  nlohmann::json head_ = nlohmann::json::object(); ///< id, created, model as first seen.
  nlohmann::json usage_;                           ///< Latest; null: none seen.
};

} // namespace echelon::gateway
