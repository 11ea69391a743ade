#include "gateway/http_recipient.hpp"

#include <chrono>

namespace echelon::gateway {

namespace asio = boost::asio;
using engine::call_report;
using engine::final_error;

namespace {

header_fields headers_of(const call_report& x) {
  header_fields found{{"x-request-id", x.request_id}};
  if (!x.route.empty()) found.emplace_back("x-echelon-route", x.route);
  found.emplace_back("x-echelon-attempts", std::to_string(x.attempts));
  if (!x.dropped.empty()) {
    std::string list;
    for (const auto& name : x.dropped)
      list += (list.empty() ? "" : ", ") + name;
    found.emplace_back("x-echelon-dropped", list);
  }
  return found;
}

} // namespace

http_recipient::http_recipient(connection& client, const front& api, const front_request& request)
    : client_(client), api_(api), request_(request), out_(client) {}

asio::any_io_executor http_recipient::executor() {
  return client_.stream.get_executor();
}

void http_recipient::watch(std::function<void()> gone) {
  watch_.emplace(client_, std::move(gone));
}

std::string http_recipient::encoded(const chunk_list& chunks) {
  std::string events;
  for (const auto& chunk : chunks)
    events += encoder_->chunk(chunk);
  return events;
}

asio::awaitable<void> http_recipient::answer(const call_report& of, const nlohmann::json& canonical,
                                             std::string_view text) {
  const auto headers = headers_of(of);
  const auto written = text.empty() ? api_.answer(request_, canonical) : std::string{};
  const auto body = text.empty() ? std::string_view{written} : text;
  co_await write_answer(client_, 200, "application/json", headers, body);
}

asio::awaitable<void> http_recipient::begin(const call_report& of, const chunk_list& first) {
  encoder_ = api_.encode_stream(request_);
  auto events = encoded(first);
  const auto headers = headers_of(of);
  co_await out_.begin(headers, std::move(events));
}

asio::awaitable<void> http_recipient::pass(const chunk_list& more) {
  auto events = encoded(more);
  co_await out_.write(std::move(events));
}

asio::awaitable<void> http_recipient::finish() {
  auto last = encoder_->finish();
  co_await out_.end(std::move(last));
}

asio::awaitable<void> http_recipient::fail(const call_report& of, const final_error& why) {
  if (encoder_) {
    // The client has seen content: the stream ends as an error, never as complete.
    client_.keep_alive = false;
    auto last = encoder_->error(why.error);
    co_await out_.end(std::move(last));
    co_return;
  }
  auto headers = headers_of(of);
  if (why.retry_after > policy::duration::zero()) {
    const auto s = std::chrono::ceil<std::chrono::seconds>(why.retry_after);
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(why.retry_after);
    headers.emplace_back("Retry-After", std::to_string(s.count()));
    headers.emplace_back("retry-after-ms", std::to_string(ms.count()));
  } else if (why.error.status >= 500 || why.error.status == 429) {
    // Our own retries are used up; the client's would multiply them.
    headers.emplace_back("x-should-retry", "false");
  }
  const auto body = api_.error_body(why.error, of.request_id);
  co_await write_answer(client_, why.error.status, "application/json", headers, body);
}

} // namespace echelon::gateway
