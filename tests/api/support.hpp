/// A router for tests of the embedding library: the simulator behind it, scripts in files of their
/// own.
#pragma once

#include <echelon/echelon.hpp>

#include <catch2/catch.hpp>

#include <filesystem>
#include <string>

namespace echelon::test {

/// Four tiers in two groups, a pool and a node; every limit is out of the way but `narrow`'s.
std::string configuration();

/// A file that goes with the object.
class temporary_file {
public:
  explicit temporary_file(const std::string& text, const std::string& extension = ".yaml");
  ~temporary_file();
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  [[nodiscard]] std::string path() const { return path_.string(); }
  void write(const std::string& text) const;

private:
  std::filesystem::path path_;
};

/// A router with configuration(), simulated by `script`.
class simulated_router {
public:
  explicit simulated_router(const std::string& script = "rules: []\n",
                            const std::string& config = configuration());
  ConfigManager config;
  temporary_file script;
  LlmFactory factory;
  LlmClient client; ///< Of `plan_group.echelon1`.
};

/// The LlmError that `f` throws; fails the test if it throws none.
template <class F>
LlmError error_of(F f) {
  try {
    f();
  } catch (const LlmError& error) {
    return error;
  }
  FAIL("no LlmError was thrown");
  throw std::logic_error("not reached");
}

/// A member of the router's state, such as permits in use over all actors.
[[nodiscard]] int permits_in_use(const LlmFactory& of);

} // namespace echelon::test
