#include "providers/http_transport_connect.hpp"

#include "providers/http_transport_shortage.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace echelon::providers {

namespace asio = boost::asio;
using boost::system::error_code;
using namespace std::chrono_literals;

namespace {

constexpr auto stagger_time = 250ms;

/// Alternates the families, beginning with `first` if there is one of it.
std::vector<asio::ip::tcp::endpoint> interleave(const name_lookup::addresses& found,
                                                std::uint16_t port,
                                                std::optional<asio::ip::tcp> first) {
  using tcp = asio::ip::tcp;
  std::vector<tcp::endpoint> own;
  std::vector<tcp::endpoint> other;
  for (const auto& address : found) {
    const tcp::endpoint at{address, port};
    if (!first) first = at.protocol();
    (at.protocol() == *first ? own : other).push_back(at);
  }
  std::vector<tcp::endpoint> out;
  for (std::size_t i = 0; i < std::max(own.size(), other.size()); ++i) {
    if (i < own.size()) out.push_back(own[i]);
    if (i < other.size()) out.push_back(other[i]);
  }
  return out;
}

} // namespace

http_connect::http_connect(asio::any_io_executor executor, http_origin origin,
                           std::optional<tcp> prefer, std::shared_ptr<name_lookup> names)
    : socket(executor), executor_(executor), origin_(std::move(origin)), prefer_(prefer),
      names_(std::move(names)), stagger_(executor), done_(executor) {}

asio::awaitable<error_code> http_connect::run() {
  const auto self = shared_from_this();
  if (origin_.is_address) {
    std::vector<tcp::endpoint> one;
    one.emplace_back(asio::ip::make_address(origin_.host), origin_.port);
    co_return co_await run(std::move(one));
  }
  // A lookup cannot be interrupted, so it is not awaited itself: abort() ends the wait at once.
  names_->find(origin_.host, [self](const error_code& ec, const name_lookup::addresses& found) {
    self->resolved(ec, found);
  });
  co_return co_await finished();
}

asio::awaitable<error_code> http_connect::run(std::vector<tcp::endpoint> addresses) {
  const auto self = shared_from_this();
  todo_ = std::move(addresses);
  try_next();
  co_return co_await finished();
}

asio::awaitable<error_code> http_connect::finished() {
  done_.expires_at(asio::steady_timer::time_point::max());
  if (!ended_) {
    error_code ignored;
    co_await done_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  // The executor itself may go down: then nothing has ended.
  if (!ended_) end(asio::error::operation_aborted);
  co_return last_;
}

void http_connect::resolved(const error_code& ec, const name_lookup::addresses& found) {
  if (ended_) return;
  if (ec) return end(ec);
  todo_ = interleave(found, origin_.port, prefer_);
  if (todo_.empty()) return end(asio::error::host_not_found);
  try_next();
}

void http_connect::try_next() {
  stagger_.cancel();
  while (!ended_ && tries_.size() < todo_.size()) {
    const auto index = tries_.size();
    auto& next = *tries_.emplace_back(std::make_unique<tcp::socket>(executor_));
    error_code ec;
    next.open(todo_[index].protocol(), ec);
    if (ec) { // For instance a host without IPv6.
      note(ec);
      continue;
    }
    ++pending_;
    next.async_connect(todo_[index], [self = shared_from_this(), index](const error_code& why) {
      self->tried(index, why);
    });
    if (tries_.size() < todo_.size()) {
      stagger_.expires_after(stagger_time);
      stagger_.async_wait([self = shared_from_this()](const error_code& why) {
        if (!why && !self->ended_) self->try_next();
      });
    }
    return;
  }
  if (pending_ == 0) end(last_);
}

void http_connect::tried(std::size_t index, const error_code& ec) {
  if (ended_) return;
  --pending_;
  if (!ec) {
    socket = std::move(*tries_[index]);
    return end({});
  }
  error_code ignored;
  tries_[index]->close(ignored); // The next one may need the descriptor.
  note(ec);
  try_next();
}

void http_connect::note(const error_code& ec) {
  if (is_descriptor_shortage(last_)) return; // Not each address could be tried.
  // A host without a family has no address of it either: not its ports are used up.
  if (last_ && ec == boost::system::errc::address_not_available) return;
  last_ = ec;
}

void http_connect::end(const error_code& ec) {
  if (ended_) return;
  ended_ = true;
  last_ = ec;
  stagger_.cancel();
  for (auto& one : tries_) {
    error_code ignored;
    one->close(ignored);
  }
  done_.cancel();
}

void http_connect::abort() {
  end(asio::error::operation_aborted);
  error_code ignored;
  socket.close(ignored);
}

} // namespace echelon::providers
