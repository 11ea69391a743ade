#include "engine/telemetry/span_exporter.hpp"

#include "config/log.hpp"
#include "engine/telemetry/otlp.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>

namespace echelon::engine {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t most_of_batch = 512;
constexpr auto gather_time = 500ms; // A batch that is not full goes out after so long.
constexpr auto post_time = 10s;     // Most that one POST may take.
constexpr auto farewell = 1s;       // Most that the end may take.
constexpr int tries = 3;            // Of one batch.

} // namespace

span_exporter::span_exporter(std::string instance,
                             std::function<void(std::string_view, std::size_t)> count)
    : instance_(std::move(instance)), count_(std::move(count)) {}

span_exporter::~span_exporter() {
  {
    const std::lock_guard guard{mutex_};
    end_ = steady_clock::now() + farewell;
    over_ = true;
  }
  wake_.notify_all();
  if (!thread_.joinable()) return;
  asio::post(io_, [this] {
    if (current_) current_->expires_at(end_);
  });
  thread_.join();
}

void span_exporter::configure(const config::traces_config& how) {
  const std::lock_guard guard{mutex_};
  how_ = how;
  if (how.on() && !thread_.joinable()) thread_ = std::thread{[this] { run(); }};
}

void span_exporter::submit(std::vector<span> spans) {
  std::size_t dropped = 0;
  {
    const std::lock_guard guard{mutex_};
    const bool was_empty = waiting_.empty();
    if (waiting_.size() + spans.size() > how_.max_queue) {
      // All of a request or nothing: half a tree tells a wrong story.
      dropped = spans.size();
    } else {
      std::move(spans.begin(), spans.end(), std::back_inserter(waiting_));
      if (was_empty || waiting_.size() >= most_of_batch) wake_.notify_one();
    }
  }
  if (dropped > 0) count_("dropped", dropped);
}

void span_exporter::run() {
  http_ = providers::make_http_transport(io_.get_executor());
  std::vector<span> batch;
  config::traces_config how;
  while (gather(batch, how))
    if (!deliver(std::move(batch), how) && over_) break;
  if (const auto rest = give_up(); rest > 0) count_("failed", rest);
  current_.reset();
  http_.reset();
}

/// Waits for a batch. @returns False at the end, when nothing waits any more.
bool span_exporter::gather(std::vector<span>& batch, config::traces_config& how) {
  std::unique_lock guard{mutex_};
  wake_.wait(guard, [&] { return over_ || !waiting_.empty(); });
  wake_.wait_for(guard, gather_time, [&] { return over_ || waiting_.size() >= most_of_batch; });
  batch.clear();
  while (!waiting_.empty() && batch.size() < most_of_batch) {
    batch.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  how = how_;
  return !batch.empty();
}

/// Drops what waits. @returns How many those are.
std::size_t span_exporter::give_up() {
  const std::lock_guard guard{mutex_};
  const auto n = waiting_.size();
  waiting_.clear();
  return n;
}

/// @returns False: the collector did not take it.
bool span_exporter::deliver(std::vector<span> batch, const config::traces_config& how) {
  const auto body = otlp_request(batch, how.service, instance_);
  auto wait = 500ms;
  for (int i = 1;; ++i, wait *= 2) {
    std::size_t refused = 0;
    const auto became = how.on() ? post(body, how, refused) : fate::refused;
    if (became == fate::sent) {
      refused = std::min(refused, batch.size());
      count_("sent", batch.size() - refused);
      if (refused > 0) count_("failed", refused);
      if (complained_) log().info("traces: {} takes spans again", how.endpoint);
      complained_ = false;
      return true;
    }
    if (became == fate::refused || i == tries || !pause(wait)) break;
  }
  count_("failed", batch.size());
  return false;
}

/// @returns False: the end has come.
bool span_exporter::pause(std::chrono::milliseconds time) {
  std::unique_lock guard{mutex_};
  return !wake_.wait_for(guard, time, [&] { return over_.load(); });
}

span_exporter::fate span_exporter::post(const std::string& body, const config::traces_config& how,
                                        std::size_t& refused) {
  config::provider_config to;
  to.name = "telemetry.traces";
  to.base_url = how.endpoint;
  to.ca_file = how.ca_file;
  providers::http_request request;
  request.target = "/v1/traces";
  request.headers = {{"Content-Type", "application/json"},
                     {"User-Agent", std::string{"echelon/"} + ECHELON_VERSION}};
  for (const auto& [name, value] : how.headers)
    request.headers.emplace_back(name, value);
  request.body = body;
  std::string answer, failure;
  int status = 0;
  bool done = false;
  asio::co_spawn(io_, exchange(to, std::move(request), answer, status),
                 [&](const std::exception_ptr& broken) {
                   done = true;
                   try {
                     if (broken) std::rethrow_exception(broken);
                   } catch (const std::exception& error) {
                     failure = error.what();
                   }
                 });
  io_.restart();
  // Not run(): the pool's connections stay.
  while (!done)
    io_.run_one();
  current_.reset();
  if (!failure.empty()) {
    complain("it cannot be reached: " + failure);
    return fate::again;
  }
  if (status >= 200 && status < 300) {
    std::string why;
    refused = otlp_refused(answer, why);
    if (refused > 0) complain("it refused " + std::to_string(refused) + " spans: " + why);
    return fate::sent;
  }
  complain("it answered " + std::to_string(status));
  const bool later = status == 429 || status == 502 || status == 503 || status == 504;
  return later ? fate::again : fate::refused;
}

asio::awaitable<void> span_exporter::exchange(const config::provider_config& to,
                                              providers::http_request request, std::string& answer,
                                              int& status) {
  constexpr std::size_t most_of_answer = 65536;
  current_ = http_->open(to);
  current_->expires_at(over_ ? end_ : steady_clock::now() + post_time);
  const auto head = co_await current_->start(std::move(request));
  status = head.status;
  for (;;) {
    auto piece = co_await current_->read();
    if (piece.empty()) break;
    if (answer.size() < most_of_answer) answer += piece;
  }
}

/// Once for each outage.
void span_exporter::complain(const std::string& what) {
  if (!complained_)
    log().warn("traces: the collector does not take spans, they are dropped after some tries: {}",
               what);
  complained_ = true;
}

} // namespace echelon::engine
