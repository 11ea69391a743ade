#include "policy/lease.hpp"

#include <algorithm>
#include <utility>

namespace echelon::policy {

using namespace std::chrono_literals;

namespace {

constexpr duration shortest_gap = 20ms;
constexpr duration longest_gap = 1s;
constexpr duration after_recall = 250ms; // Before it asks for more.
constexpr duration answer_time = 1s;     // Then the claim or its answer is taken for lost.
constexpr duration grain = 20ms;         // Starts this close are told as one.
constexpr std::int64_t most = 1'000'000;

} // namespace

lease_account::lease_account(time_point now)
    : term_(static_cast<std::uint64_t>(now.time_since_epoch().count())), adapted_(now),
      wanted_(now) {}

bool lease_account::may_take(bool charge, time_point now, std::int64_t tokens) {
  ++tried_;
  tokens_tried_ += tokens;
  largest_ = std::max(largest_, tokens);
  wanted_ = now;
  const bool permit = !counts_permits_ || in_use() < permits_;
  const bool unit = !charge || !counts_units_ || idle_ > 0;
  const bool reserve = tokens == 0 || !counts_tokens_ || idle_tokens_ >= tokens;
  if (open(now) && permit && unit && reserve) return true;
  dry_ = true;
  ++turned_away_;
  return false;
}

void lease_account::take(hold_id id, bool charge, time_point now, std::int64_t tokens) {
  hold h;
  h.epoch = epoch_;
  h.at = now;
  if (counts_tokens_) {
    h.tokens = tokens;
    idle_tokens_ -= tokens;
    reserved_ += tokens;
  }
  if (charge && counts_units_) {
    --idle_;
    h.number = ++number_;
    pending_.push_back({h.number, now});
  }
  holds_[id] = h;
  ++admitted_;
  top_ = std::max(top_, in_use());
}

std::optional<std::uint64_t> lease_account::release(hold_id id, bool refund, bool success,
                                                    time_point, std::int64_t tokens) {
  const auto i = holds_.find(id);
  if (i == holds_.end()) return std::nullopt;
  const auto h = i->second;
  holds_.erase(i);
  ended_ = true;
  if (success) {
    ++succeeded_;
    cleared_ = cleared_ || h.epoch == epoch_;
  }
  if (h.tokens > 0) {
    reserved_ -= h.tokens;
    if (refund)
      idle_tokens_ += h.tokens;
    else
      ended_calls_.push_back({++ended_number_, h.at, h.tokens, tokens < 0 ? h.tokens : tokens});
  }
  if (refund && h.number != 0) {
    // One that was told stays spent: the lender counts it for its window.
    const auto own = std::find_if(pending_.begin(), pending_.end(),
                                  [&](const auto& s) { return s.number == h.number; });
    if (own != pending_.end()) {
      pending_.erase(own);
      ++idle_;
    }
  }
  return h.epoch;
}

void lease_account::member_well(std::uint64_t member) {
  if (member != 0 && std::find(well_.begin(), well_.end(), member) == well_.end())
    well_.push_back(member);
}

bool lease_account::take_cleared(std::uint64_t member) {
  // What was told already, and not acknowledged, must not be told after what comes now.
  if (member != 0) return std::erase(well_, member) + std::erase(told_well_, member) != 0;
  const bool told = std::exchange(told_cleared_, false);
  return std::exchange(cleared_, false) || told;
}

bool lease_account::empty() const {
  return settled_ && !open_ && idle_ == 0 && holds_.empty() && pending_.empty() && told_.empty()
         && permits_ == 0 && idle_tokens_ == 0 && ended_calls_.empty();
}

/// Something is lent that is not in use.
bool lease_account::spare() const {
  return open_ || idle_ > 0 || idle_tokens_ > 0 || (counts_permits_ && permits_ > in_use());
}

bool lease_account::over(time_point now) const {
  return empty() || (holds_.empty() && !spare() && now - sent_ > 2 * life);
}

bool lease_account::due(time_point now, bool ending) const {
  if (asked_ && now - sent_ < answer_time) return false;
  if ((gives_back_ || ending) && ended_) return true;
  if (ending) return spare() || (!empty() && now - sent_ >= heartbeat);
  if (now < not_before_) return false;
  if (dry_) return true;
  if (open_ && counts_units_ && 2 * idle_ < want_units()) return true;
  if (open_ && counts_tokens_ && 2 * idle_tokens_ < want_tokens()) return true;
  if (open_ && counts_permits_ && permits_ <= in_use() + in_use() / 8) return true;
  return !empty() && now - sent_ >= heartbeat;
}

// Grows at once with what was asked for, and decays by a quarter a second.
void lease_account::adapt(time_point now) {
  const auto elapsed = now - adapted_;
  if (!dry_ && elapsed < 1s) return;
  const auto span = std::clamp<duration>(elapsed, 100ms, 1s);
  const auto per_second = [&](std::int64_t x) {
    return x * (1s / 1ms) / std::max<std::int64_t>(1, span / 1ms);
  };
  const auto faded = [&](std::int64_t x) { return elapsed < 1s ? x : x - (x + 3) / 4; };
  demand_ = std::max(per_second(tried_), faded(demand_));
  token_demand_ = std::max(per_second(tokens_tried_), faded(token_demand_));
  if (elapsed >= 1s) largest_ = faded(largest_);
  peak_ = std::max(top_ + turned_away_, faded(peak_));
  // It was not enough, whatever it was.
  if (dry_ && open_) demand_ = std::max(demand_, 2 * (tried_ - turned_away_));
  demand_ = std::min(demand_, most);
  peak_ = std::min(peak_, most);
  token_demand_ = std::min(token_demand_, most * most);
  tried_ = turned_away_ = tokens_tried_ = 0;
  top_ = in_use();
  adapted_ = now;
}

/// Gives up what is far more than is wanted.
void lease_account::trim(time_point now) {
  if (now - wanted_ >= patience || !open_) {
    open_ = false;
    idle_ = idle_tokens_ = 0;
    permits_ = counts_permits_ ? in_use() : 0;
    return;
  }
  if (idle_tokens_ > 2 * want_tokens()) idle_tokens_ = want_tokens();
  if (idle_ > 2 * want_units()) idle_ = want_units();
  if (permits_ > 2 * want_permits()) permits_ = std::max(in_use(), want_permits());
}

/// Starts that are at least this old are told from now on.
void lease_account::mature(time_point now, duration age) {
  bool fresh = true; // What was told once is told the same way again.
  while (!pending_.empty() && now - pending_.front().at >= age) {
    const auto& x = pending_.front();
    if (!fresh && x.at - told_.back().at <= grain) {
      told_.back().number = x.number;
      told_.back().at = x.at;
      told_.back().units += x.units;
      told_.back().used += x.used;
    } else {
      told_.push_back(x);
    }
    fresh = false;
    pending_.pop_front();
  }
}

lease_claim lease_account::build(time_point now) {
  lease_claim x;
  x.term = term_;
  x.serial = ++serial_;
  x.open = open_;
  x.counts_permits = counts_permits_;
  x.counts_units = counts_units_;
  x.idle = idle_;
  x.pending = static_cast<std::int64_t>(pending_.size());
  x.in_use = in_use();
  x.permits = counts_permits_ ? permits_ : x.in_use;
  for (const auto& s : told_)
    x.starts.push_back({s.number, s.units, s.used, (now - s.at).count()});
  x.counts_tokens = counts_tokens_;
  x.idle_tokens = idle_tokens_;
  x.reserved_tokens = reserved_;
  ended_told_ = ended_calls_.size();
  for (const auto& s : ended_calls_)
    x.ended.push_back({s.number, s.units, s.used, (now - s.at).count()});
  x.admitted = admitted_;
  x.epoch = epoch_;
  x.succeeded = succeeded_;
  told_cleared_ = std::exchange(cleared_, false) || told_cleared_;
  for (const auto member : std::exchange(well_, {}))
    if (std::find(told_well_.begin(), told_well_.end(), member) == told_well_.end())
      told_well_.push_back(member);
  x.cleared = told_cleared_;
  x.well = told_well_;
  sent_ = now;
  ended_ = dry_ = settled_ = false;
  return x;
}

lease_claim lease_account::claim(time_point now, bool ending) {
  const bool wants = now - wanted_ < patience && !ending;
  adapt(now);
  if (ending) open_ = false;
  trim(now);
  mature(now, ending ? duration::zero() : settling);
  asked_ = true;
  auto x = build(now);
  if (wants) {
    x.want_units = want_units();
    x.want_permits = want_permits();
    x.want_tokens = want_tokens();
  }
  not_before_ = now + gap_;
  return x;
}

lease_claim lease_account::give_back(time_point now) {
  open_ = false;
  trim(now);
  mature(now, settling);
  gives_back_ = true;
  asked_ = false;
  not_before_ = now + after_recall;
  return build(now);
}

void lease_account::accept(const lease_terms& x, time_point now) {
  if (!asked_ || x.serial != serial_) return;
  asked_ = false;
  settled_ = true;
  if (x.lost) {
    drop(now);
    return;
  }
  told_.clear();
  // Calls that have ended since the claim are not acknowledged by its answer.
  ended_calls_.erase(ended_calls_.begin(),
                     ended_calls_.begin() + static_cast<std::ptrdiff_t>(ended_told_));
  told_well_.clear();
  told_cleared_ = false;
  open_ = x.open;
  gives_back_ = !x.open;
  if (!x.open) {
    gap_ = std::min(2 * gap_, longest_gap);
    // What is not in use goes back at once.
    ended_ = ended_ || spare();
    not_before_ = now + std::max(gap_, after_recall);
    return;
  }
  counts_permits_ = x.counts_permits;
  counts_units_ = x.counts_units;
  counts_tokens_ = x.counts_tokens;
  idle_tokens_ += x.tokens;
  epoch_ = x.epoch;
  idle_ += x.units;
  permits_ = counts_permits_ ? x.permits : 0;
  valid_until_ = sent_ + life;
  const bool nothing = (counts_units_ && idle_ == 0) || (counts_tokens_ && idle_tokens_ < largest_)
                       || (counts_permits_ && permits_ <= in_use());
  gap_ = nothing ? std::min(2 * gap_, longest_gap) : shortest_gap;
  not_before_ = now + gap_;
}

void lease_account::missed(std::uint64_t serial, time_point now) {
  if (!asked_ || serial != serial_) return;
  asked_ = false;
  gap_ = std::min(2 * gap_, longest_gap);
  not_before_ = now + gap_;
}

std::vector<hold_id> lease_account::unknown(const std::vector<hold_id>& known,
                                            time_point before) const {
  std::vector<hold_id> ids;
  for (const auto& [id, h] : holds_)
    if (h.at < before && !std::binary_search(known.begin(), known.end(), id)) ids.push_back(id);
  return ids;
}

std::vector<hold_id> lease_account::drop(time_point now) {
  std::vector<hold_id> ids;
  for (const auto& [id, h] : holds_)
    ids.push_back(id);
  lease_account fresh{now};
  fresh.term_ = std::max(term_ + 1, fresh.term_);
  fresh.serial_ = serial_;
  fresh.not_before_ = now + after_recall;
  fresh.demand_ = demand_;
  fresh.peak_ = peak_;
  fresh.token_demand_ = token_demand_;
  fresh.largest_ = largest_;
  fresh.wanted_ = wanted_;
  *this = std::move(fresh);
  return ids;
}

} // namespace echelon::policy
