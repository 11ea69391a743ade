#include "cli/chaos/upstream.hpp"

#include "cli/chaos/process.hpp"

#include <fmt/format.h>

namespace echelon::cli {
namespace {

providers::simulator_script answers(std::chrono::duration<double> latency) {
  return providers::parse_script(
      fmt::format("defaults: {{latency: {}}}\n"
                  "rules: [{{match: {{model: scar}}, then: {{status: 500, latency: 0}}}}]\n",
                  latency.count()),
      "chaos");
}

} // namespace

upstream::upstream(std::vector<limit_check> limits, std::chrono::milliseconds latency)
    : limits_(std::move(limits)), latency_(latency), port_(free_port()),
      engine_(std::make_shared<providers::simulator_engine>(answers(latency))) {
  engine_->watch([this](const std::string& model, bool start, limit_check::time_point now) {
    const std::lock_guard guard{mutex_};
    requests_ += start ? 1 : 0;
    for (auto& x : limits_)
      x.see(model, start, now);
  });
  open(port_);
  thread_ = std::thread{[this] { io_.run(); }};
}

upstream::~upstream() {
  cut();
  work_.reset();
  io_.stop();
  thread_.join();
  engine_->watch(nullptr);
}

void upstream::open(std::uint16_t port) {
  server_ = std::make_unique<providers::simulator_server>(
      io_, boost::asio::ip::tcp::endpoint{boost::asio::ip::address_v4::loopback(), port}, engine_);
  server_->start();
}

void upstream::cut() {
  server_.reset();
}

void upstream::restore() {
  if (!server_) open(port_);
}

void upstream::slow(std::chrono::milliseconds by) {
  engine_->use(answers(latency_ + by));
}

std::vector<limit_check> upstream::limits() const {
  const std::lock_guard guard{mutex_};
  return limits_;
}

std::uint64_t upstream::requests() const {
  const std::lock_guard guard{mutex_};
  return requests_;
}

} // namespace echelon::cli
