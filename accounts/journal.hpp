/// Lines on disk between the moment something happened and the moment the store has it.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace echelon::accounts {

/// A folder of files, appended to and removed as wholes. A line outlives this process from the
/// return of append() on, and a loss of power from the next sync() on. Thread-safe.
class journal {
public:
  /// Makes the folder. Throws store_error if it cannot be made, or another process uses it.
  explicit journal(const std::filesystem::path& folder);
  ~journal();
  journal(const journal&) = delete;
  journal& operator=(const journal&) = delete;

  /// Never throws; what cannot be written (a full disk) is kept in memory and tried again.
  void append(const std::string& line);
  void sync();
  /// Closes the file that is written to. @returns All files with lines, oldest first; none of them
  /// is written to any more.
  [[nodiscard]] std::vector<std::filesystem::path> finished();

private:
  void write_out(); // Under the lock.

  const std::filesystem::path folder_;
  std::mutex mutex_;
  std::string unwritten_;
  std::filesystem::path current_;
  std::uint64_t next_ = 0;
  int lock_ = -1, file_ = -1;
  bool complained_ = false, new_name_ = false;
};

/// Calls `with` for each whole line; one that a crash has cut off at the end is none.
void each_line(const std::filesystem::path& file, const std::function<void(std::string)>& with);

} // namespace echelon::accounts
