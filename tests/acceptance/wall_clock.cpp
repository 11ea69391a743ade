// Preloaded into a router: moves its wall clock, and nothing else, by as many seconds as stand in
// the file that ECHELON_WALL_OFFSET names.
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>

namespace {

long offset() {
  const char* path = std::getenv("ECHELON_WALL_OFFSET");
  if (path == nullptr) return 0;
  std::FILE* file = std::fopen(path, "r");
  if (file == nullptr) return 0;
  long seconds = 0;
  if (std::fscanf(file, "%ld", &seconds) != 1) seconds = 0;
  std::fclose(file);
  return seconds;
}

template <class F>
F real(const char* name) {
  return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

} // namespace

extern "C" {

int clock_gettime(clockid_t which, timespec* to) noexcept {
  static const auto next = real<int (*)(clockid_t, timespec*)>("clock_gettime");
  const int result = next(which, to);
  if (result == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
    to->tv_sec += offset();
  return result;
}

int gettimeofday(timeval* to, void* zone) noexcept {
  static const auto next = real<int (*)(timeval*, void*)>("gettimeofday");
  const int result = next(to, zone);
  if (result == 0) to->tv_sec += offset();
  return result;
}

time_t time(time_t* to) noexcept {
  static const auto next = real<time_t (*)(time_t*)>("time");
  const auto now = next(nullptr) + offset();
  if (to != nullptr) *to = now;
  return now;
}

} // extern "C"
