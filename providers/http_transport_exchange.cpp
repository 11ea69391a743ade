#include "providers/http_transport_exchange.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace echelon::providers {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

constexpr std::size_t head_limit = 65536;
constexpr std::size_t read_size = 16384;

bool is_end(const boost::system::error_code& ec) {
  return ec == asio::error::eof;
}

std::string told(const boost::system::error_code& ec) {
  return is_end(ec) ? "the upstream closed the connection" : ec.message();
}

} // namespace

http_exchange_state::http_exchange_state(std::shared_ptr<http_pool> pool,
                                         const config::provider_config& provider)
    : pool_(std::move(pool)), connect_timeout_(provider.connect_timeout) {
  try {
    origin_ = pool_->origin(provider);
  } catch (const transport_error& error) {
    bad_url_ = error.message;
  }
}

void http_exchange_state::fail(std::string text, reason of) {
  check(); // What we closed ourselves is not the upstream's failure.
  if (connection_) connection_->close();
  throw transport_error(of, std::move(text));
}

void http_exchange_state::check() {
  if (!aborted_ && deadline_ <= std::chrono::steady_clock::now()) abort(reason::timeout);
  if (!aborted_) return;
  if (*aborted_ == reason::timeout)
    throw transport_error(reason::timeout, "no answer in time from " + origin_.str());
  throw transport_error(reason::cancelled, "the call was cancelled");
}

void http_exchange_state::abort(reason why) {
  if (aborted_) return;
  aborted_ = why;
  if (timer_) timer_->cancel();
  if (connect_timer_) connect_timer_->cancel();
  if (connecting_) connecting_->abort();
  if (connection_) connection_->close();
}

void http_exchange_state::expires_at(std::chrono::steady_clock::time_point t) {
  deadline_ = t;
  if (timer_)
    arm();
  else if (connection_)
    connection_->expires_at(t);
}

void http_exchange_state::arm() {
  if (aborted_) return;
  timer_->expires_at(deadline_);
  timer_->async_wait([weak = weak_from_this()](const error_code& ec) {
    const auto self = weak.lock();
    if (self && !ec && self->deadline_ <= std::chrono::steady_clock::now())
      self->abort(reason::timeout);
  });
}

asio::awaitable<response_head> http_exchange_state::start(std::shared_ptr<http_exchange_state> self,
                                                          http_request request) {
  self->check();
  if (self->bad_url_) self->fail(*self->bad_url_);
  const auto head = request_head(self->origin_, request);
  self->connection_ = self->pool_->take(self->origin_);
  self->reused_ = self->connection_ != nullptr;
  if (self->reused_)
    self->connection_->expires_at(self->deadline_);
  else
    co_await self->connect();
  auto outcome = co_await self->send_and_read_head(head, request.body);
  if (outcome == attempt::died_silently) {
    // A kept-alive connection may die of idleness just as it is used: that is no answer.
    self->reused_ = false;
    co_await self->connect();
    outcome = co_await self->send_and_read_head(head, request.body);
  }
  self->check_proxy();
  auto out = self->take_head();
  if (self->parser_->is_done()) self->release();
  co_return out;
}

asio::awaitable<http_exchange_state::attempt>
http_exchange_state::send_and_read_head(const std::string& head, const std::string& body) {
  const auto connection = connection_;
  error_code ec;
  if (crowd_member::crowded()) {
    co_await asio::post(pool_->executor(), asio::use_awaitable);
    check();
  }
  co_await connection->write({asio::buffer(head), asio::buffer(body)}, ec);
  // After a failed write there may still be an answer to read, for instance a 413.
  const auto wrote = ec;
  new_parser();
  bool any = false;
  for (;;) {
    const auto got = co_await connection->read_some(buffer_.prepare(read_size), ec);
    check();
    if (ec) {
      if (reused_ && !any) co_return attempt::died_silently;
      const auto shown = wrote ? wrote : ec;
      fail((any ? "the answer of " + origin_.str() + " ended in its head: "
                : "no answer from " + origin_.str() + ": ")
           + told(shown));
    }
    any = true;
    buffer_.commit(got);
    if (parse_head()) co_return attempt::answered;
  }
}

void http_exchange_state::new_parser() {
  parser_.emplace();
  parser_->header_limit(head_limit);
  parser_->body_limit(boost::none);
}

bool http_exchange_state::parse_head() {
  for (;;) {
    error_code ec;
    buffer_.consume(parser_->put(buffer_.data(), ec));
    if (ec == http::error::need_more) {
      if (buffer_.size() > head_limit) fail("the head of the answer is too large");
      return false;
    }
    if (ec) fail("the answer of " + origin_.str() + " is not HTTP: " + ec.message());
    if (!parser_->is_header_done()) return false;
    const auto status = parser_->get().result_int();
    if (status == 101) fail("the upstream switched protocols unasked");
    if (status / 100 != 1) {
      parser_->eager(true);
      return true;
    }
    new_parser();
    if (buffer_.size() == 0) return false;
  }
}

asio::awaitable<std::string> http_exchange_state::read(std::shared_ptr<http_exchange_state> self) {
  if (self->drained_) co_return std::string{};
  self->check();
  if (!self->parser_ || !self->decoder_) self->fail("read() before start()");
  for (;;) {
    if (!self->decoder_->plain()) {
      auto piece = self->decoder_->next();
      if (!piece.empty()) co_return piece;
    }
    auto encoded = co_await self->read_encoded();
    if (encoded.empty()) {
      self->decoder_->finish();
      self->drained_ = true;
    }
    if (encoded.empty() || self->decoder_->plain()) co_return encoded;
    self->decoder_->feed(std::move(encoded));
  }
}

asio::awaitable<std::string> http_exchange_state::read_encoded() {
  const auto connection = connection_;
  std::string out;
  while (!ended_ && !parser_->is_done()) {
    error_code ec;
    if (buffer_.size() == 0) {
      const auto got = co_await connection->read_some(buffer_.prepare(read_size), ec);
      check();
      if (is_end(ec)) {
        parser_->put_eof(ec);
        if (ec) fail("the answer of " + origin_.str() + " was cut");
        break;
      }
      if (ec) fail("the answer of " + origin_.str() + " was cut: " + told(ec));
      buffer_.commit(got);
    }
    out.resize(std::min<std::size_t>(buffer_.size(), 65536));
    auto& body = parser_->get().body();
    body.data = out.data();
    body.size = out.size();
    body.more = true;
    const auto used = parser_->put(buffer_.data(), ec);
    buffer_.consume(used);
    out.resize(out.size() - body.size);
    if (ec == http::error::need_more && used == 0 && out.empty()) {
      // Only part of a chunk's border is here.
      if (buffer_.size() > head_limit) fail("a chunk border of the answer is too large");
      const auto got = co_await connection->read_some(buffer_.prepare(read_size), ec);
      check();
      if (ec) fail("the answer of " + origin_.str() + " was cut: " + told(ec));
      buffer_.commit(got);
      continue;
    }
    if (ec && ec != http::error::need_more && ec != http::error::need_buffer)
      fail("the answer of " + origin_.str() + " is damaged: " + ec.message());
    if (!out.empty()) break;
  }
  if (!ended_ && parser_->is_done()) release();
  co_return out;
}

void http_exchange_state::release() {
  const bool keep = parser_->keep_alive() && buffer_.size() == 0 && !aborted_;
  ended_ = true;
  connection_->expires_at(std::chrono::steady_clock::time_point::max());
  if (keep) pool_->give(origin_, std::move(connection_));
  connection_.reset();
}

} // namespace echelon::providers
