/// A folder of a test's own, gone with it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace echelon::accounts {

class folder {
public:
  folder() {
    auto name = (std::filesystem::temp_directory_path() / "echelon-test-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~folder() { std::filesystem::remove_all(path_); }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::string database() const { return "sqlite:" + (path_ / "x.db").string(); }

private:
  std::filesystem::path path_;
};

} // namespace echelon::accounts
