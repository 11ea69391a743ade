#include "api/logging.hpp"

#include "config/log.hpp"

#include <echelon/factory.hpp>

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/null_sink.h>

#include <atomic>
#include <mutex>

namespace echelon {
namespace {

std::atomic<bool> chosen{false};

LogLevel shown(spdlog::level::level_enum x) {
  if (x >= spdlog::level::err) return LogLevel::error;
  if (x == spdlog::level::warn) return LogLevel::warning;
  return x == spdlog::level::info ? LogLevel::info : LogLevel::debug;
}

/// spdlog 1.10 has no sink for callbacks.
class host_sink final : public spdlog::sinks::base_sink<std::mutex> {
public:
  explicit host_sink(std::function<void(LogLevel, std::string_view)> to) : to_(std::move(to)) {}

private:
  void sink_it_(const spdlog::details::log_msg& x) override {
    to_(shown(x.level), {x.payload.data(), x.payload.size()});
  }
  void flush_() override {}
  std::function<void(LogLevel, std::string_view)> to_;
};

} // namespace

void set_log(std::function<void(LogLevel, std::string_view)> to) {
  chosen = true;
  std::shared_ptr<spdlog::sinks::sink> sink = std::make_shared<spdlog::sinks::null_sink_mt>();
  if (to) sink = std::make_shared<host_sink>(std::move(to));
  set_logger(std::make_shared<spdlog::logger>("echelon", std::move(sink)));
}

void api::keep_log_quiet() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (!chosen) set_log(nullptr);
  });
}

} // namespace echelon
