#include "accounts/journal.hpp"
#include "accounts/records.hpp"
#include "folder.hpp"

#include <catch2/catch.hpp>

#include <fstream>

using namespace echelon::accounts;

namespace {

std::vector<std::string> lines_of(const std::vector<std::filesystem::path>& files) {
  std::vector<std::string> found;
  for (const auto& x : files)
    each_line(x, [&](std::string line) { found.push_back(std::move(line)); });
  return found;
}

} // namespace

TEST_CASE("lines are on disk at once and come in order") {
  const folder at;
  journal x{at.path()};
  x.append("a");
  x.append("b");
  // As another process would see them, without sync() or an end of this one.
  std::vector<std::filesystem::path> files;
  for (const auto& f : std::filesystem::directory_iterator{at.path()})
    if (f.path().extension() == ".jsonl") files.push_back(f.path());
  CHECK(lines_of(files) == std::vector<std::string>{"a", "b"});
  CHECK(lines_of(x.finished()) == std::vector<std::string>{"a", "b"});
  x.append("c");
  CHECK(lines_of(x.finished()) == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("a line that a crash has cut off is none") {
  const folder at;
  std::ofstream{at.path() / "usage-1.jsonl"} << "whole\nhal";
  journal x{at.path()};
  CHECK(lines_of(x.finished()) == std::vector<std::string>{"whole"});
}

TEST_CASE("a folder serves one journal at a time") {
  const folder at;
  {
    const journal x{at.path()};
    CHECK_THROWS_WITH(journal{at.path()}, Catch::Contains("auth.spool"));
  }
  CHECK_NOTHROW(journal{at.path()});
}

TEST_CASE("records are lines, whatever is in them") {
  usage_record x{"1", 5, "a\"\n", "g", "m\xff", 1, 2, 3, true};
  const auto line = to_line(x);
  CHECK(line.find('\n') == std::string::npos);
  CHECK(from_line(line).key == x.key);
  CHECK(from_line(line).estimated);
  CHECK_THROWS_AS(from_line("{\"id\": 1"), store_error);
}
