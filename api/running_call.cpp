#include "api/running_call.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace echelon::api {

namespace asio = boost::asio;

running_call::running_call(asio::any_io_executor executor, std::shared_ptr<door> way,
                           std::string request_id, std::shared_ptr<listener> to)
    : executor_(executor), way_(std::move(way)), request_id_(std::move(request_id)),
      to_(std::move(to)), pause_(std::make_shared<asio::steady_timer>(executor)) {}

running_call::~running_call() {
  if (to_) failed(cancelled_error(cancelled_.value_or(ErrorKind::shut_down), request_id_));
}

void running_call::on_cancel(std::function<void()> gone) {
  if (cancelled_ && gone)
    gone();
  else
    gone_ = std::move(gone);
}

void running_call::cancel(ErrorKind why) {
  if (cancelled_ || !to_) return;
  cancelled_ = why;
  pause_->cancel();
  if (const auto gone = std::exchange(gone_, nullptr)) gone();
}

asio::awaitable<void> running_call::pass(const nlohmann::json& chunk) {
  if (cancelled_ || !to_) co_return;
  gathered_.add(chunk);
  to_->chunk(to_chunk(chunk));
  boost::system::error_code ignored;
  while (!cancelled_) {
    pause_->expires_at(asio::steady_timer::time_point::max());
    const std::weak_ptr<asio::steady_timer> timer = pause_;
    // The listener may keep this for longer than the router lives.
    const bool waits = to_->must_wait([way = way_, timer] {
      way->post([timer] {
        if (const auto x = timer.lock()) x->cancel();
      });
    });
    if (!waits) break;
    co_await pause_->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

void running_call::done(const engine::call_report& of, const nlohmann::json& canonical) {
  if (const auto to = std::exchange(to_, nullptr)) to->done(to_completion(of, canonical));
}

void running_call::failed(LlmError x) {
  if (const auto to = std::exchange(to_, nullptr)) to->failed(std::move(x));
}

} // namespace echelon::api
