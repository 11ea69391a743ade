#include "cli/log_sink.hpp"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <unistd.h>

using namespace echelon;

namespace {

/// A file without a name: what was written to it can be read at any time.
struct scratch {
  scratch() {
    char name[] = "/tmp/echelon-log-XXXXXX";
    descriptor = ::mkstemp(name);
    ::unlink(name);
  }
  ~scratch() { ::close(descriptor); }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;

  [[nodiscard]] std::string text() const {
    std::string found(4U << 20U, '\0');
    const auto n = ::pread(descriptor, found.data(), found.size(), 0);
    found.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return found;
  }

  int descriptor = -1;
};

std::unique_ptr<spdlog::logger> logger_to(int descriptor) {
  auto made = std::make_unique<spdlog::logger>("test", std::make_shared<cli::log_sink>(descriptor));
  made->set_formatter(
      std::make_unique<spdlog::pattern_formatter>("%v", spdlog::pattern_time_type::local, "\n"));
  made->flush_on(spdlog::level::warn);
  return made;
}

} // namespace

TEST_CASE("single lines are written when they are logged") {
  const scratch to;
  const auto log = logger_to(to.descriptor);
  log->info("one");
  CHECK(to.text() == "one\n");
  log->info("two");
  CHECK(to.text() == "one\ntwo\n");
}

TEST_CASE("of many lines each is written once and in order, at the latest when the log ends") {
  const scratch to;
  std::string expected;
  auto log = logger_to(to.descriptor);
  for (int i = 0; i < 20000; ++i) {
    log->info("line {}", i);
    expected += "line " + std::to_string(i) + '\n';
  }
  log.reset();
  CHECK(to.text() == expected);
}

TEST_CASE("a line that waits for others is written without another one") {
  const scratch to;
  const auto log = logger_to(to.descriptor);
  for (int i = 0; i < 200; ++i)
    log->info("x");
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (to.text().size() < 400 && std::chrono::steady_clock::now() < limit)
    std::this_thread::yield();
  CHECK(to.text().size() == 400);
}

TEST_CASE("a warning takes along what waits") {
  const scratch to;
  const auto log = logger_to(to.descriptor);
  for (int i = 0; i < 200; ++i)
    log->info("x");
  log->warn("now");
  const auto text = to.text();
  CHECK(text.size() == 404);
  CHECK(text.ends_with("now\n"));
}

TEST_CASE("a full disk does not stop who logs") {
  const int full = ::open("/dev/full", O_WRONLY);
  REQUIRE(full >= 0);
  {
    const auto log = logger_to(full);
    for (int i = 0; i < 20000; ++i)
      log->info("line {}", i);
    log->warn("still here");
  }
  CHECK(::close(full) == 0);
}
