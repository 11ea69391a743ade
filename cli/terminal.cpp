#include "cli/terminal.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <stdexcept>
#include <sys/ioctl.h>
#include <unistd.h>

namespace echelon::cli {

namespace {

// Written to by the handler: whoever waits for something else too can wait for it.
int bell[2] = {-1, -1};
struct sigaction before {};

extern "C" void ring(int) {
  const int kept = errno;
  const char x = 0;
  static_cast<void>(!::write(bell[1], &x, 1));
  errno = kept;
}

const char* code_of(colour x) {
  switch (x) {
  case colour::none: return "";
  case colour::red: return "\033[31m";
  case colour::green: return "\033[32m";
  case colour::yellow: return "\033[33m";
  case colour::dim: return "\033[2m";
  case colour::bold: return "\033[1m";
  }
  return "";
}

} // namespace

bool colours(int descriptor) {
  const char* plain = std::getenv("NO_COLOR");
  if (plain != nullptr && *plain != '\0') return false;
  const char* kind = std::getenv("TERM");
  if (kind != nullptr && std::string_view{kind} == "dumb") return false;
  return ::isatty(descriptor) != 0;
}

std::string painted(std::string_view text, colour x, bool on) {
  if (!on || x == colour::none) return std::string{text};
  return code_of(x) + std::string{text} + "\033[0m";
}

terminal_size size_of_terminal(int descriptor) {
  terminal_size size;
  winsize x{};
  if (::ioctl(descriptor, TIOCGWINSZ, &x) == 0) {
    if (x.ws_col > 0) size.columns = x.ws_col;
    if (x.ws_row > 0) size.rows = x.ws_row;
  }
  return size;
}

interrupts::interrupts() {
  if (::pipe2(bell, O_CLOEXEC | O_NONBLOCK) != 0) throw std::runtime_error("no pipe can be made");
  struct sigaction x {};
  x.sa_handler = ring;
  sigemptyset(&x.sa_mask);
  ::sigaction(SIGINT, &x, &before);
}

interrupts::~interrupts() {
  ::sigaction(SIGINT, &before, nullptr);
  ::close(bell[0]);
  ::close(bell[1]);
}

int interrupts::descriptor() const {
  return bell[0];
}

bool interrupts::pending() const {
  return wait(0);
}

bool interrupts::take() {
  char some[64];
  bool any = false;
  while (::read(bell[0], some, sizeof some) > 0)
    any = true;
  return any;
}

bool interrupts::wait(int milliseconds) const {
  pollfd x{bell[0], POLLIN, 0};
  return ::poll(&x, 1, milliseconds) > 0;
}

} // namespace echelon::cli
