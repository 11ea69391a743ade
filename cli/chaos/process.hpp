/// A router as a process of its own that can be harmed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

namespace echelon::cli {

/// Killed when it goes out of scope. Not thread-safe.
class process {
public:
  /// This program with `arguments`; what it logs goes to the end of the file `log`. Throws
  /// std::runtime_error.
  process(const std::vector<std::string>& arguments, const std::string& log);
  ~process();
  process(const process&) = delete;
  process& operator=(const process&) = delete;

  [[nodiscard]] bool running();
  void freeze();
  void thaw();
  /// It may open `more` descriptors beyond those that it has.
  void limit_descriptors(std::uint64_t more);
  void free_descriptors();
  /// As by a crash.
  void kill();
  /// Asks it to end, waits so many seconds at most, then kills it. @returns Its exit code; -1: it
  /// had to be killed or died by a signal.
  int end(double seconds);

private:
  bool reap(bool wait);

  pid_t id_ = -1;
  int status_ = 0;
  std::uint64_t descriptors_ = 0; // That it may have when nobody limits them.
};

/// A port of loopback that nobody listens on now. Not one of those that the system gives to clients
/// (from 32768 on): a client that calls such a port while nobody is there may reach itself, and
/// then the port is taken.
std::uint16_t free_port();

} // namespace echelon::cli
