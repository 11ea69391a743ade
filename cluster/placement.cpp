#include "cluster/placement.hpp"

#include <algorithm>

namespace echelon::cluster {
namespace {

/// Finaliser of splitmix64 (Steele, Lea, Flood 2014): every bit of the input moves every bit.
std::uint64_t mix(std::uint64_t x) {
  x ^= x >> 30U;
  x *= 0xBF58476D1CE4E5B9ULL;
  x ^= x >> 27U;
  x *= 0x94D049BB133111EBULL;
  return x ^ (x >> 31U);
}

} // namespace

const messages::member* owner_of(const messages::view& x, policy::path_id key) {
  const messages::member* best = nullptr;
  std::uint64_t highest = 0;
  for (const auto& m : x.members) {
    const auto rank = mix(key ^ mix(policy::id_of(m.node)));
    if (best == nullptr || rank > highest) {
      best = &m;
      highest = rank;
    }
  }
  return best;
}

bool is_quorum(const messages::view& x, const std::set<std::string>& nodes) {
  std::size_t votes = 0;
  for (const auto& name : x.voters)
    votes += nodes.count(name);
  if (2 * votes > x.size) return true;
  return 2 * votes == x.size && nodes.count(x.voters.front()) != 0;
}

const messages::member* find_member(const messages::view& x, const std::string& node) {
  const auto i = std::find_if(x.members.begin(), x.members.end(),
                              [&](const auto& m) { return m.node == node; });
  return i == x.members.end() ? nullptr : &*i;
}

bool has_member(const messages::view& x, const messages::member& who) {
  return is_among(x.members, who);
}

bool excludes(const messages::view& next, const messages::member& x) {
  const auto in = [&](const auto& list) {
    return std::find(list.begin(), list.end(), x) != list.end();
  };
  return next.epoch > 0 && in(next.before) && !in(next.members) && !in(next.left);
}

} // namespace echelon::cluster
