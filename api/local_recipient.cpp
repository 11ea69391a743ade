#include "api/local_recipient.hpp"

#include "providers/json_read.hpp"

namespace echelon::api {

namespace asio = boost::asio;
using engine::call_report;

asio::awaitable<void> local_recipient::answer(const call_report& of,
                                              const nlohmann::json& canonical, std::string_view) {
  to_->done(of, canonical);
  co_return;
}

asio::awaitable<void> local_recipient::begin(const call_report& of, const chunk_list& first) {
  begun_ = true;
  report_ = of;
  co_await pass(first);
}

asio::awaitable<void> local_recipient::pass(const chunk_list& more) {
  for (const auto& chunk : more)
    co_await to_->pass(chunk);
}

asio::awaitable<void> local_recipient::finish() {
  const auto whole = to_->gathered().completion();
  to_->done(report_, whole);
  co_return;
}

asio::awaitable<void> local_recipient::fail(const call_report& of, const engine::final_error& why) {
  std::string decision;
  if (const auto record = router_.records().find(of.request_id))
    decision = providers::dump(to_json(*record));
  to_->failed(to_error(of, why, std::move(decision), to_->gathered().text()));
  co_return;
}

void local_recipient::abandoned() {
  // Else the observer threw: what it threw is told where the call ends.
  if (const auto why = to_->cancelled()) to_->failed(cancelled_error(*why, to_->request_id()));
}

} // namespace echelon::api
