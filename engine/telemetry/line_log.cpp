#include "engine/telemetry/line_log.hpp"

#include "config/log.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace echelon::engine {

using namespace std::chrono_literals;

namespace {

constexpr auto look_time = 1s; // How often the file's name is compared with the file.
constexpr auto gather_time = 20ms;
constexpr auto patience = 1s; // A pipe that nobody reads is waited for no longer.

} // namespace

line_log::line_log(std::string name, std::function<void(std::string_view, std::size_t)> count)
    : name_(std::move(name)), count_(std::move(count)) {}

line_log::~line_log() {
  {
    const std::lock_guard guard{mutex_};
    over_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  close();
}

void line_log::configure(const std::string& path) {
  {
    const std::lock_guard guard{mutex_};
    path_ = path;
    on_ = !path.empty();
    if (on_ && !thread_.joinable()) thread_ = std::thread{[this] { run(); }};
  }
  wake_.notify_one();
}

void line_log::reopen() {
  {
    const std::lock_guard guard{mutex_};
    reopen_ = true;
  }
  wake_.notify_one();
}

void line_log::write(std::string_view line) {
  if (!on_) return;
  {
    const std::lock_guard guard{mutex_};
    if (waiting_.size() + line.size() < most_waiting) {
      const bool first = waiting_.empty();
      waiting_.append(line).push_back('\n');
      ++lines_;
      if (first) wake_.notify_one();
      return;
    }
  }
  count_("dropped", 1);
}

void line_log::run() {
  std::string text;
  for (;;) {
    std::unique_lock guard{mutex_};
    wake_.wait(guard, [&] { return over_ || reopen_ || !waiting_.empty() || path_ != open_path_; });
    // Lines of a busy moment go out together.
    wake_.wait_for(guard, gather_time, [&] { return over_ || reopen_; });
    text.clear();
    text.swap(waiting_);
    const auto lines = std::exchange(lines_, 0);
    const bool anew = std::exchange(reopen_, false);
    const auto path = path_;
    guard.unlock();
    look_after_file(path, anew);
    if (lines > 0) put(text, lines);
    if (over_ && text.empty()) return;
  }
}

/// The file that `path` names now is open afterwards, if it can be.
void line_log::look_after_file(const std::string& path, bool anew) {
  const auto now = clock::now();
  if (path != open_path_ || anew) {
    close();
  } else if (file_ >= 0 && regular_ && now - looked_ >= look_time) {
    looked_ = now;
    struct stat named {
    }, ours{};
    const bool same = ::stat(path.c_str(), &named) == 0 && ::fstat(file_, &ours) == 0
                      && named.st_ino == ours.st_ino && named.st_dev == ours.st_dev;
    if (!same) close();
  }
  const bool again = path != open_path_ || anew || now - tried_ >= look_time;
  open_path_ = path;
  if (file_ < 0 && again && !path.empty()) open(path);
}

void line_log::open(const std::string& path) {
  tried_ = looked_ = clock::now();
  torn_ = false;
  // Not blocking: a pipe without a reader must not hold us.
  file_ = path == "stdout"
              ? ::dup(STDOUT_FILENO)
              : ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK,
                       S_IRUSR | S_IWUSR | S_IRGRP);
  if (file_ < 0) {
    complain(errno);
    return;
  }
  struct stat x {};
  regular_ = ::fstat(file_, &x) == 0 && S_ISREG(x.st_mode);
}

void line_log::close() {
  if (file_ >= 0) ::close(file_);
  file_ = -1;
}

void line_log::put(std::string_view text, std::size_t lines) {
  std::size_t written = 0;
  if (file_ >= 0) {
    // What a full disk cut off must not run into the next line.
    if (torn_ && put_bytes("\n") == 1) torn_ = false;
    if (!torn_) {
      const auto out = text.substr(0, put_bytes(text));
      written = static_cast<std::size_t>(std::count(out.begin(), out.end(), '\n'));
      torn_ = !out.empty() && out.back() != '\n';
    }
  }
  if (written > 0) count_("written", written);
  if (written < lines) count_("failed", lines - written);
  if (written == lines && complained_) {
    complained_ = false;
    log().info("{}: lines are written to {} again", name_, open_path_);
  }
}

/// @returns How many bytes were written.
std::size_t line_log::put_bytes(std::string_view text) {
  std::size_t done = 0;
  while (done < text.size()) {
    // A pipe takes so much at once as soon as it takes anything.
    const auto most =
        regular_ ? text.size() - done : std::min<std::size_t>(text.size() - done, PIPE_BUF);
    if (!regular_ && !writable()) break;
    const auto n = ::write(file_, text.data() + done, most);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      complain(n < 0 ? errno : ENOSPC);
      break;
    }
    done += static_cast<std::size_t>(n);
  }
  return done;
}

/// Waits for a reader, for a moment.
bool line_log::writable() {
  pollfd x{file_, POLLOUT, 0};
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(patience);
  if (::poll(&x, 1, static_cast<int>(limit.count())) > 0) return true;
  complain(EAGAIN);
  return false;
}

/// Once for each outage.
void line_log::complain(int error) {
  if (!complained_)
    log().warn("{}: lines cannot be written to {}, they are lost and counted: {}", name_,
               open_path_, std::strerror(error));
  complained_ = true;
}

} // namespace echelon::engine
