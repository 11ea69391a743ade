#include "accounts/journal.hpp"

#include "accounts/records.hpp"
#include "config/log.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

namespace echelon::accounts {

namespace fs = std::filesystem;

journal::journal(const fs::path& folder) : folder_(folder) {
  std::error_code error;
  fs::create_directory(folder_, error); // Its parent is to be there: a slip makes no tree.
  const auto name = folder_ / "lock";
  if (!error) lock_ = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0)
    throw store_error{"cannot write to the spool folder " + folder_.string() + ": "
                      + (error ? error.message() : std::strerror(errno))};
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    close(lock_);
    throw store_error{"another process uses the spool folder " + folder_.string()
                      + "; give each its own auth.spool"};
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  next_ = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

journal::~journal() {
  sync();
  if (file_ >= 0) close(file_);
  close(lock_);
}

void journal::append(const std::string& line) {
  const std::lock_guard guard{mutex_};
  unwritten_ += line;
  unwritten_ += '\n';
  write_out();
}

void journal::write_out() {
  if (unwritten_.empty()) return;
  if (file_ < 0) {
    // Sorted by name is sorted by time.
    char name[48];
    std::snprintf(name, sizeof name, "usage-%020llu.jsonl",
                  static_cast<unsigned long long>(next_++));
    current_ = folder_ / name;
    file_ = open(current_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_EXCL | O_CLOEXEC, 0600);
    new_name_ = true;
  }
  std::size_t done = 0;
  while (file_ >= 0 && done < unwritten_.size()) {
    const auto n = ::write(file_, unwritten_.data() + done, unwritten_.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    done += static_cast<std::size_t>(n);
  }
  const bool whole = done == unwritten_.size();
  if (!whole && !complained_)
    log().error("cannot write usage to {}: {}; it is kept in memory until that works",
                folder_.string(), std::strerror(errno));
  complained_ = !whole;
  unwritten_.erase(0, done);
}

void journal::sync() {
  int file = -1;
  bool new_name = false;
  {
    const std::lock_guard guard{mutex_};
    write_out();
    if (file_ >= 0) file = dup(file_);
    if (file >= 0) new_name = std::exchange(new_name_, false);
  }
  if (file < 0) return;
  fdatasync(file); // Without the lock: it may take long.
  close(file);
  if (!new_name) return;
  const int folder = open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  fsync(folder);
  close(folder);
}

std::vector<fs::path> journal::finished() {
  {
    const std::lock_guard guard{mutex_};
    write_out();
    // What is left of a line goes on in the same file.
    if (file_ >= 0 && unwritten_.empty()) {
      close(file_);
      file_ = -1;
      current_.clear();
    }
  }
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& x : fs::directory_iterator{folder_, error})
    if (x.path().extension() == ".jsonl") found.push_back(x.path());
  const std::lock_guard guard{mutex_};
  std::erase(found, current_);
  std::sort(found.begin(), found.end());
  return found;
}

void each_line(const fs::path& file, const std::function<void(std::string)>& with) {
  std::ifstream in{file};
  std::string line;
  while (std::getline(in, line) && !in.eof())
    with(std::move(line));
}

} // namespace echelon::accounts
