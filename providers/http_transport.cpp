#include "providers/http_transport_exchange.hpp"

namespace echelon::providers {

namespace {

class http_exchange final : public exchange {
public:
  http_exchange(std::shared_ptr<http_pool> pool, const config::provider_config& provider)
      : state_(std::make_shared<http_exchange_state>(std::move(pool), provider)) {}
  ~http_exchange() override { state_->abort(transport_error::reason::cancelled); }
  http_exchange(const http_exchange&) = delete;
  http_exchange& operator=(const http_exchange&) = delete;

  void expires_at(std::chrono::steady_clock::time_point t) override { state_->expires_at(t); }
  boost::asio::awaitable<response_head> start(http_request request) override {
    return http_exchange_state::start(state_, std::move(request));
  }
  boost::asio::awaitable<std::string> read() override { return http_exchange_state::read(state_); }
  void cancel() override { state_->abort(transport_error::reason::cancelled); }

private:
  std::shared_ptr<http_exchange_state> state_;
};

class http_transport final : public transport {
public:
  explicit http_transport(boost::asio::any_io_executor executor)
      : pool_(std::make_shared<http_pool>(std::move(executor))) {}
  ~http_transport() override { pool_->close(); }
  http_transport(const http_transport&) = delete;
  http_transport& operator=(const http_transport&) = delete;

  std::unique_ptr<exchange> open(const config::provider_config& provider) override {
    return std::make_unique<http_exchange>(pool_, provider);
  }

private:
  std::shared_ptr<http_pool> pool_;
};

} // namespace

std::unique_ptr<transport> make_http_transport(boost::asio::any_io_executor executor) {
  return std::make_unique<http_transport>(std::move(executor));
}

} // namespace echelon::providers
