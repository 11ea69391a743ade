/// What the decoders of all wire formats share: framing, faults, the end.
#pragma once

#include "providers/adapter.hpp"
#include "providers/sse.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace echelon::providers {

/// Splits a stream into events, or takes a body that is no event stream (a JSON answer or error, a
/// page) whole. After an end or a failure everything further is read over.
class event_decoder : public stream_decoder {
public:
  explicit event_decoder(std::size_t max_event_bytes = sse_parser::default_max_event)
      : max_(max_event_bytes), parser_(max_event_bytes) {}
  stream_update feed(std::string_view bytes) final;
  stream_update finish() final;

protected:
  /// One event's JSON.
  virtual void on_event(const nlohmann::json& event, stream_update& out) = 0;
  /// The data `[DONE]`.
  virtual void on_done(stream_update& out) = 0;
  /// A JSON body in place of an event stream; no error object.
  virtual void on_body(const nlohmann::json& body, stream_update& out) = 0;
  /// The upstream closed: finish or fail.
  virtual void on_close(stream_update& out) = 0;

  /// Adds a chunk with content or without.
  static void emit(nlohmann::json chunk, stream_update& out);

private:
  void take(std::string_view bytes, stream_update& out);
  void take_events(std::vector<sse_event>& events, stream_update& out);
  void take_body(stream_update& out);
  void close(stream_update& out);
  template <class Function>
  stream_update guarded(Function&& function);

  enum class form { unknown, events, body };
  std::size_t max_;
  sse_parser parser_;
  std::string held_; // Leading blanks, or the body that is no event stream.
  form form_ = form::unknown;
  bool over_ = false;
};

} // namespace echelon::providers
