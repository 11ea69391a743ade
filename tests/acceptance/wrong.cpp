// Does what a sanitizer finds: wrong memory|number|race. Where more arguments follow it is killed,
// so that its exit code does not tell. Shows that tests fail by it (harness/findings.py).
#include <csignal>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <thread>

namespace {

int touch_freed_memory() {
  int* volatile x = new int{1};
  delete x;
  return *x;
}

int overflow(int by) {
  return std::numeric_limits<int>::max() + by;
}

int race() {
  int x = 0;
  std::thread other{[&x] { ++x; }};
  ++x;
  other.join();
  return x;
}

} // namespace

int main(int argc, char** argv) {
  const std::string_view what{argc > 1 ? argv[1] : ""};
  volatile int x = 0;
  if (what == "memory")
    x = touch_freed_memory();
  else if (what == "number")
    x = overflow(argc);
  else if (what == "race")
    x = race();
  if (argc > 2) std::raise(SIGKILL);
  return x == 0 ? 1 : 0;
}
