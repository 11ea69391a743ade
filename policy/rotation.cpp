#include "policy/rotation.hpp"

#include <algorithm>

namespace echelon::policy {

rotation::rotation(rotation_strategy strategy, std::vector<std::uint32_t> weights)
    : strategy_(strategy), weights_(weights.begin(), weights.end()), current_(weights.size(), 0),
      last_used_(weights.size(), 0) {
  const auto none = std::all_of(weights_.begin(), weights_.end(), [](auto w) { return w == 0; });
  // Round robin is the smooth weighted order with equal weights.
  if (none || strategy == rotation_strategy::round_robin)
    std::fill(weights_.begin(), weights_.end(), 1);
}

std::vector<std::size_t> rotation::next(const std::vector<bool>& usable) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < weights_.size(); ++i)
    if (usable.empty() || usable[i]) order.push_back(i);
  if (order.empty()) return order;
  if (strategy_ == rotation_strategy::least_recently_used) {
    std::stable_sort(order.begin(), order.end(),
                     [&](auto a, auto b) { return last_used_[a] < last_used_[b]; });
    last_used_[order.front()] = ++turn_;
    return order;
  }
  std::int64_t sum = 0;
  for (auto i : order) {
    current_[i] += weights_[i];
    sum += weights_[i];
  }
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    if ((weights_[a] == 0) != (weights_[b] == 0)) return weights_[b] == 0;
    return current_[a] > current_[b];
  });
  current_[order.front()] -= sum;
  return order;
}

} // namespace echelon::policy
