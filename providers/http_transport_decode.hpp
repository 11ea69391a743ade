/// Undoes the content coding of a body, piece by piece.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace echelon::providers {

/// Decoder of one body: gzip, deflate (zlib or raw), or none.
class content_decoder {
public:
  /// `coding` is the value of Content-Encoding. Throws transport_error (network) for codings that
  /// are not supported.
  explicit content_decoder(std::string_view coding);
  ~content_decoder();
  content_decoder(content_decoder&&) noexcept;
  content_decoder& operator=(content_decoder&&) noexcept;

  /// True if bytes pass unchanged.
  [[nodiscard]] bool plain() const { return !inner_; }
  /// Takes encoded bytes. Call only after next() returned nothing.
  void feed(std::string bytes);
  /// At most 64 KiB of what can be decoded so far; empty: more input is needed. Throws
  /// transport_error (network) on invalid data.
  [[nodiscard]] std::string next();
  /// To be called at the end of the input. Throws transport_error (network) if it is cut.
  void finish() const;

private:
  struct inner;
  std::unique_ptr<inner> inner_;
};

} // namespace echelon::providers
