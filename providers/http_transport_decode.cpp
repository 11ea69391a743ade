#include "providers/http_transport_decode.hpp"

#include "providers/transport.hpp"

#include <boost/beast/core/string.hpp>

#include <zlib.h>

namespace echelon::providers {

namespace {

constexpr std::size_t piece_limit = 65536;

[[noreturn]] void fail(std::string text) {
  throw transport_error(transport_error::reason::network, std::move(text));
}

} // namespace

struct content_decoder::inner {
  explicit inner(bool may_be_raw) : raw_allowed(may_be_raw) {
    if (inflateInit2(&stream, 15 + 32) != Z_OK) throw std::bad_alloc{};
  }
  ~inner() { inflateEnd(&stream); }
  inner(const inner&) = delete;
  inner& operator=(const inner&) = delete;

  z_stream stream{};
  std::string input;     ///< Referenced by `stream`.
  std::string first;     ///< Input so far while the form is open; for the raw form.
  bool raw_allowed;      ///< "deflate" without zlib's header, as some servers send it.
  bool started = false;  ///< Some input came.
  bool complete = false; ///< The last member is whole.

  void point(std::string bytes) {
    input = std::move(bytes);
    stream.next_in = reinterpret_cast<Bytef*>(input.data());
    stream.avail_in = static_cast<uInt>(input.size());
  }
};

content_decoder::content_decoder(std::string_view coding) {
  using boost::beast::iequals;
  if (coding.empty() || iequals(coding, "identity")) return;
  if (iequals(coding, "gzip") || iequals(coding, "x-gzip"))
    inner_ = std::make_unique<inner>(false);
  else if (iequals(coding, "deflate"))
    inner_ = std::make_unique<inner>(true);
  else
    fail("content-encoding " + std::string{coding.substr(0, 40)} + " is not supported");
}

content_decoder::~content_decoder() = default;
content_decoder::content_decoder(content_decoder&&) noexcept = default;
content_decoder& content_decoder::operator=(content_decoder&&) noexcept = default;

void content_decoder::feed(std::string bytes) {
  inner_->started = inner_->started || !bytes.empty();
  if (inner_->raw_allowed) inner_->first += bytes;
  inner_->point(std::move(bytes));
}

std::string content_decoder::next() {
  auto& z = inner_->stream;
  std::string out;
  out.resize(piece_limit);
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  while (z.avail_out > 0) {
    if (inner_->complete) {
      if (z.avail_in == 0) break;
      inflateReset(&z); // gzip allows several members in a row.
      inner_->complete = false;
    }
    const auto rc = inflate(&z, Z_NO_FLUSH);
    if (rc == Z_DATA_ERROR && inner_->raw_allowed && z.total_out == 0) {
      inner_->raw_allowed = false;
      inflateReset2(&z, -15);
      inner_->point(std::move(inner_->first));
      continue;
    }
    if (rc == Z_STREAM_END) {
      inner_->complete = true;
      continue;
    }
    if (rc == Z_BUF_ERROR) break; // No progress without more input.
    if (rc != Z_OK) fail("the answer's compressed content is damaged");
  }
  out.resize(out.size() - z.avail_out);
  if (!out.empty()) {
    inner_->raw_allowed = false;
    inner_->first.clear();
  }
  return out;
}

void content_decoder::finish() const {
  if (inner_ && inner_->started && !inner_->complete)
    fail("the answer's compressed content ended early");
}

} // namespace echelon::providers
