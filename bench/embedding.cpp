// A call from code: into the router in this process, and over HTTP to a gateway with the same
// configuration. usage: bench_embedding CONFIG TARGET URL [--quick]
#include <echelon/echelon.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <future>
#include <string>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;

double microseconds(clock_type::duration x) {
  return std::chrono::duration<double, std::micro>(x).count();
}

double cpu_seconds() {
  timespec x{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &x);
  return static_cast<double>(x.tv_sec) + static_cast<double>(x.tv_nsec) * 1e-9;
}

const std::string question(1000, 'x');

/// One call after the other.
void one_by_one(const char* name, const echelon::LlmClient& client, int count) {
  std::vector<double> took;
  for (int i = 0; i < count / 10; ++i)
    client.call(question);
  const auto cpu = cpu_seconds();
  for (int i = 0; i < count; ++i) {
    const auto begun = clock_type::now();
    client.call(question);
    took.push_back(microseconds(clock_type::now() - begun));
  }
  const auto used = (cpu_seconds() - cpu) * 1e6 / count;
  std::sort(took.begin(), took.end());
  const auto at = [&](double part) {
    return took[static_cast<std::size_t>(part * static_cast<double>(took.size() - 1))];
  };
  std::printf("| %s, one by one | %.0f | %.0f | %.0f | %.0f |\n", name, at(0.5), at(0.99),
              1e6 / (std::max(at(0.5), 1.0)), used);
}

/// `width` calls at once; whoever ends begins the next.
void together(const char* name, const echelon::LlmClient& client, int count, int width) {
  std::atomic<int> left{count}, open{width};
  std::promise<void> end;
  echelon::CallObserver observer;
  std::function<void()> next;
  const auto ended = [&] { next(); };
  next = [&] {
    if (left.fetch_sub(1) <= 0) {
      if (open.fetch_sub(1) == 1) end.set_value();
      return;
    }
    echelon::CallObserver to;
    to.on_done = [&](const echelon::Completion&) { ended(); };
    to.on_error = [&](const echelon::LlmError& x) {
      std::printf("failed: %s\n", x.what());
      ended();
    };
    static_cast<void>(client.start(question, std::move(to)));
  };
  const auto cpu = cpu_seconds();
  const auto begun = clock_type::now();
  for (int i = 0; i < width; ++i)
    next();
  end.get_future().wait();
  const auto seconds = microseconds(clock_type::now() - begun) * 1e-6;
  std::printf("| %s, %d at once | - | - | %.0f | %.0f |\n", name, width, count / seconds,
              (cpu_seconds() - cpu) * 1e6 / count);
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: bench_embedding CONFIG TARGET URL [--quick]\n");
    return 2;
  }
  const int count = argc > 4 && std::strcmp(argv[4], "--quick") == 0 ? 2000 : 20000;
  echelon::ConfigOptions how;
  how.simulate = true;
  try {
    const echelon::LlmFactory here{echelon::ConfigManager{argv[1], how}};
    const auto there = echelon::LlmFactory::connect(argv[3]);
    const auto own = here.create_client_from_group(argv[2]);
    const auto far = there.create_client_from_group(argv[2]);
    std::printf("| | p50 us | p99 us | calls/s | CPU us a call, in this process |\n");
    std::printf("| --- | --- | --- | --- | --- |\n");
    one_by_one("embedded", own, count);
    one_by_one("over HTTP", far, count);
    together("embedded", own, count * 2, 32);
    together("over HTTP", far, count * 2, 32);
    return 0;
  } catch (const echelon::LlmError& error) {
    std::fprintf(stderr, "bench_embedding: %s\n", error.what());
    return 1;
  }
}
