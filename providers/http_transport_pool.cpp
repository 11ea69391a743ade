#include "providers/http_transport_pool.hpp"

namespace echelon::providers {

http_pool::http_pool(boost::asio::any_io_executor executor)
    : executor_(std::move(executor)), timer_(executor_) {}

std::shared_ptr<http_connection> http_pool::take(const http_origin& origin) {
  const auto at = idle_.find(origin);
  if (at == idle_.end()) return nullptr;
  std::shared_ptr<http_connection> out;
  const auto now = std::chrono::steady_clock::now();
  while (!out && !at->second.empty()) {
    auto last = std::move(at->second.back());
    at->second.pop_back();
    if (now < last.until && last.connection->quiet()) out = std::move(last.connection);
  }
  if (at->second.empty()) idle_.erase(at);
  return out;
}

void http_pool::give(const http_origin& origin, std::shared_ptr<http_connection> connection) {
  const auto now = std::chrono::steady_clock::now();
  const auto until = give_up_time(connection->born(), now);
  if (closed_ || until <= now) return;
  auto& row = idle_[origin];
  if (row.size() >= idle_per_origin) row.pop_front();
  row.push_back({std::move(connection), now, until});
  arm();
}

const http_origin& http_pool::origin(const config::provider_config& provider) {
  const auto found = origins_.find(provider.base_url);
  if (found != origins_.end() && found->second.ca_file == provider.ca_file
      && found->second.proxy == provider.proxy)
    return found->second.where;
  auto where = origin_of(provider);
  where.proxy = proxy_for(provider, where, proxies_);
  constexpr std::size_t most = 10'000; // What reloads have left behind is not kept for ever.
  if (origins_.size() >= most) origins_.clear();
  auto& kept = origins_[provider.base_url];
  kept = {provider.ca_file, provider.proxy, std::move(where)};
  return kept.where;
}

bool http_pool::drop_oldest() {
  const auto oldest =
      std::min_element(idle_.begin(), idle_.end(), [](const auto& a, const auto& b) {
        return a.second.front().since < b.second.front().since;
      });
  if (oldest == idle_.end()) return false;
  oldest->second.pop_front();
  if (oldest->second.empty()) idle_.erase(oldest);
  return true;
}

void http_pool::close() {
  closed_ = true;
  names_->close();
  idle_.clear();
  timer_.cancel();
}

std::shared_ptr<boost::asio::ssl::context> http_pool::tls(const std::string& ca_file) {
  auto& context = tls_[ca_file];
  if (!context) context = make_tls_context(ca_file);
  return context;
}

void http_pool::arm() {
  if (armed_ || closed_ || idle_.empty()) return;
  auto first = std::chrono::steady_clock::now() + look_interval;
  for (const auto& [origin, row] : idle_)
    for (const auto& one : row)
      first = std::min(first, one.until);
  armed_ = true;
  timer_.expires_at(first);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code&) {
    const auto self = weak.lock();
    if (!self) return;
    self->armed_ = false;
    self->sweep();
  });
}

void http_pool::sweep() {
  const auto now = std::chrono::steady_clock::now();
  for (auto at = idle_.begin(); at != idle_.end();) {
    std::erase_if(at->second,
                  [now](const idle& one) { return one.until <= now || !one.connection->quiet(); });
    at = at->second.empty() ? idle_.erase(at) : std::next(at);
  }
  arm();
}

} // namespace echelon::providers
