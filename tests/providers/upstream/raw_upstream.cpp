#include "raw_upstream.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/string.hpp>

#include <algorithm>
#include <charconv>

namespace echelon::test {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

std::size_t content_length(std::string head) {
  std::transform(head.begin(), head.end(), head.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto at = head.find("\r\ncontent-length: ");
  std::size_t out = 0;
  if (at != std::string::npos)
    std::from_chars(head.data() + at + 18, head.data() + head.size(), out);
  return out;
}

} // namespace

std::string raw_peer::request() {
  error_code ec;
  const auto head = asio::read_until(socket_, asio::dynamic_buffer(buffer_), "\r\n\r\n", ec);
  if (ec) return std::exchange(buffer_, {});
  const auto size = head + content_length(buffer_.substr(0, head));
  if (buffer_.size() < size)
    asio::read(socket_, asio::dynamic_buffer(buffer_),
               asio::transfer_exactly(size - buffer_.size()), ec);
  auto out = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return out;
}

void raw_peer::send(std::string_view bytes) {
  error_code ignored;
  socket_.set_option(tcp::no_delay{true}, ignored);
  asio::write(socket_, asio::buffer(bytes), ignored);
}

void raw_peer::reset() {
  const std::lock_guard lock{closing_};
  error_code ignored;
  socket_.set_option(asio::socket_base::linger{true, 0}, ignored);
  socket_.close(ignored);
}

void raw_peer::close() {
  const std::lock_guard lock{closing_};
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
}

void raw_peer::wait_closed() {
  error_code ec;
  char bytes[1024];
  while (!ec)
    socket_.read_some(asio::buffer(bytes), ec);
}

void raw_peer::interrupt() {
  const std::lock_guard lock{closing_};
  if (socket_.is_open()) ::shutdown(socket_.native_handle(), SHUT_RDWR);
}

raw_upstream::raw_upstream(handler play, const std::string& address)
    : acceptor_(context_, tcp::endpoint{asio::ip::make_address(address), 0}),
      port_(acceptor_.local_endpoint().port()), address_(address), play_(std::move(play)),
      acceptor_thread_([this] { accept(); }) {}

raw_upstream::~raw_upstream() {
  stopping_ = true;
  error_code ignored;
  tcp::socket waker{context_}; // A blocking accept ends by one more connection.
  waker.connect(tcp::endpoint{asio::ip::make_address(address_), port_}, ignored);
  acceptor_thread_.join();
  {
    const std::lock_guard lock{mutex_};
    for (auto& peer : peers_)
      peer->interrupt();
  }
  for (auto& thread : threads_)
    thread.join();
}

void raw_upstream::accept() {
  for (;;) {
    error_code ec;
    auto socket = acceptor_.accept(ec);
    if (stopping_ || ec) return;
    const auto index = accepted_++;
    auto peer = std::make_shared<raw_peer>(std::move(socket));
    const std::lock_guard lock{mutex_};
    peers_.push_back(peer);
    threads_.emplace_back([this, peer, index] {
      play_(*peer, index);
      peer->interrupt();
    });
  }
}

config::provider_config raw_upstream::provider() const {
  config::provider_config out;
  out.name = "raw";
  const auto host = address_.find(':') == std::string::npos ? address_ : '[' + address_ + ']';
  out.base_url = "http://" + host + ':' + std::to_string(port_);
  return out;
}

std::string ok(std::string_view body, std::string_view more_headers) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
         + std::to_string(body.size()) + "\r\n" + std::string{more_headers} + "\r\n"
         + std::string{body};
}

std::string chunk(std::string_view bytes) {
  char size[20];
  const auto end = std::to_chars(size, size + sizeof size, bytes.size(), 16).ptr;
  return std::string{size, end} + "\r\n" + std::string{bytes} + "\r\n";
}

} // namespace echelon::test
