#include "providers/simulator/transport.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <optional>

namespace echelon::providers {

namespace asio = boost::asio;
using reason = transport_error::reason;

namespace {

/// Shared with pending operations, so that the exchange may be destroyed under them.
class play : public std::enable_shared_from_this<play> {
public:
  using time_point = std::chrono::steady_clock::time_point;

  play(asio::any_io_executor executor, std::shared_ptr<simulator_engine> engine)
      : engine_(std::move(engine)), timer_(std::move(executor)) {}

  void expires_at(time_point t) {
    deadline_ = t;
    timer_.cancel(); // A wait looks again at how long it may last.
  }

  void cancel() {
    cancelled_ = true;
    answer_.ticket.release();
    timer_.cancel();
  }

  static asio::awaitable<response_head> start(std::shared_ptr<play> self, http_request request) {
    self->check();
    self->answer_ = self->engine_->plan(request);
    const auto& answer = self->answer_;
    co_await self->wait(answer.latency);
    if (answer.ending == script_ending::hang) co_await self->wait_for_ever();
    if (answer.ending == script_ending::drop_cut) self->fail("no answer: connection reset by peer");
    if (answer.ending == script_ending::drop_close)
      self->fail("no answer: the upstream closed the connection");
    response_head head{answer.status, answer.headers};
    if (!answer.stream) head.headers.emplace_back("content-length", std::to_string(answer.length));
    co_return head;
  }

  static asio::awaitable<std::string> read(std::shared_ptr<play> self) {
    auto& answer = self->answer_;
    while (self->next_ < answer.pieces.size()) {
      auto& piece = answer.pieces[self->next_];
      if (self->offset_ == 0) co_await self->wait(piece.delay);
      self->check();
      auto out = piece.bytes.substr(self->offset_, piece_limit);
      self->offset_ += out.size();
      if (self->offset_ == piece.bytes.size()) {
        piece.bytes.clear();
        self->offset_ = 0;
        ++self->next_;
      }
      const bool last = self->next_ == answer.pieces.size();
      if (last && answer.ending == script_ending::complete) answer.ticket.release();
      if (!out.empty()) co_return out;
    }
    if (answer.ending == script_ending::complete) {
      answer.ticket.release();
      co_return std::string{};
    }
    self->check();
    if (answer.ending == script_ending::stall) co_await self->wait_for_ever();
    self->fail(answer.ending == script_ending::cut
                   ? "the answer was cut: connection reset by peer"
                   : "the answer was cut: the upstream closed the connection");
  }

private:
  static constexpr std::size_t piece_limit = 65536;

  void check() {
    if (cancelled_) throw transport_error(reason::cancelled, "the call was cancelled");
    if (deadline_ > std::chrono::steady_clock::now()) return;
    answer_.ticket.release();
    throw transport_error(reason::timeout, "no answer in time from the simulator");
  }

  [[noreturn]] void fail(std::string text) {
    answer_.ticket.release();
    throw transport_error(reason::network, std::move(text));
  }

  asio::awaitable<void> wait_until(time_point until) {
    while (std::chrono::steady_clock::now() < until) {
      timer_.expires_at(std::min(until, deadline_));
      boost::system::error_code ignored;
      co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      check();
    }
  }

  asio::awaitable<void> wait(std::chrono::nanoseconds delay) {
    const auto self = shared_from_this();
    if (delay.count() > 0) co_await wait_until(std::chrono::steady_clock::now() + delay);
  }

  asio::awaitable<void> wait_for_ever() {
    const auto self = shared_from_this();
    co_await wait_until(time_point::max());
  }

  std::shared_ptr<simulator_engine> engine_;
  asio::steady_timer timer_;
  time_point deadline_ = time_point::max();
  bool cancelled_ = false;
  simulated_answer answer_;
  std::size_t next_ = 0;   ///< Piece to be read.
  std::size_t offset_ = 0; ///< In that piece.
};

class simulated_exchange final : public exchange {
public:
  explicit simulated_exchange(std::shared_ptr<play> state) : state_(std::move(state)) {}
  ~simulated_exchange() override { state_->cancel(); }
  simulated_exchange(const simulated_exchange&) = delete;
  simulated_exchange& operator=(const simulated_exchange&) = delete;

  void expires_at(std::chrono::steady_clock::time_point t) override { state_->expires_at(t); }
  asio::awaitable<response_head> start(http_request request) override {
    return play::start(state_, std::move(request));
  }
  asio::awaitable<std::string> read() override { return play::read(state_); }
  void cancel() override { state_->cancel(); }

private:
  std::shared_ptr<play> state_;
};

class simulator_transport final : public transport {
public:
  simulator_transport(asio::any_io_executor executor, std::shared_ptr<simulator_engine> engine)
      : executor_(std::move(executor)),
        engine_(engine ? std::move(engine) : std::make_shared<simulator_engine>()) {}

  std::unique_ptr<exchange> open(const config::provider_config& /*provider*/) override {
    return std::make_unique<simulated_exchange>(std::make_shared<play>(executor_, engine_));
  }

private:
  asio::any_io_executor executor_;
  std::shared_ptr<simulator_engine> engine_;
};

class transport_choice final : public transport {
public:
  transport_choice(asio::any_io_executor executor, std::shared_ptr<simulator_engine> engine)
      : http_(make_http_transport(executor)),
        simulator_(make_simulator_transport(executor, std::move(engine))) {}

  std::unique_ptr<exchange> open(const config::provider_config& provider) override {
    const bool simulated = provider.simulate || provider.kind == config::provider_kind::simulator;
    return (simulated ? simulator_ : http_)->open(provider);
  }

private:
  std::unique_ptr<transport> http_;
  std::unique_ptr<transport> simulator_;
};

} // namespace

std::unique_ptr<transport> make_simulator_transport(asio::any_io_executor executor,
                                                    std::shared_ptr<simulator_engine> engine) {
  return std::make_unique<simulator_transport>(std::move(executor), std::move(engine));
}

std::unique_ptr<transport> make_transport(asio::any_io_executor executor,
                                          std::shared_ptr<simulator_engine> engine) {
  return std::make_unique<transport_choice>(std::move(executor), std::move(engine));
}

} // namespace echelon::providers
