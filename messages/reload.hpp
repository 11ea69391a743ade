/// A new configuration for all nodes: first everyone checks it, then everyone takes it.
#pragma once

#include "messages/cluster.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace echelon::messages {

struct config_file {
  std::string name;
  std::string text;
  bool operator==(const config_file&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, config_file& x) {
  auto& [name, text] = x;
  return f(name, text);
}

struct prepare_reload {
  member from;
  std::uint64_t round = 0;
  std::vector<config_file> files;
  bool operator==(const prepare_reload&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, prepare_reload& x) {
  auto& [from, round, files] = x;
  return f(from, round, files);
}

/// No faults: the sender could take it.
struct reload_prepared {
  member from;
  std::uint64_t round = 0;
  std::vector<std::string> faults;
  bool operator==(const reload_prepared&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, reload_prepared& x) {
  auto& [from, round, faults] = x;
  return f(from, round, faults);
}

/// Everyone could: take it now.
struct commit_reload {
  member from;
  std::uint64_t round = 0;
  bool operator==(const commit_reload&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, commit_reload& x) {
  auto& [from, round] = x;
  return f(from, round);
}

} // namespace echelon::messages
