/// Chance for tests of properties.
#pragma once

#include <initializer_list>
#include <random>

namespace echelon::test {

/// Of one seed: the same each time.
struct dice {
  std::mt19937 engine;
  bool one_in(unsigned n) { return engine() % n == 0; }
  template <class T>
  T any(std::initializer_list<T> of) {
    return *(of.begin() + engine() % of.size());
  }
};

} // namespace echelon::test
