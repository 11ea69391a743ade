/// What the nodes of a cluster say to each other about who they are and who is in.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace echelon::messages {

/// One process of the cluster.
struct member {
  std::string node;              ///< Its name; unique in the cluster.
  std::uint64_t incarnation = 0; ///< Another one each time the process starts.
  std::string address;           ///< Where its peers reach it, `host:port`.
  std::uint32_t tag = 0;         ///< Upper bits of the ids of the requests that it took.
  auto operator<=>(const member&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, member& x) {
  auto& [node, incarnation, address, tag] = x;
  return f(node, incarnation, address, tag);
}

[[nodiscard]] inline bool is_among(const std::vector<member>& list, const member& x) {
  return std::find(list.begin(), list.end(), x) != list.end();
}

/// Who is in. Views form one chain: each is agreed by a quorum of the one before.
struct view {
  std::uint64_t origin = 0;        ///< Made up at the first view; tells two clusters apart.
  std::uint64_t epoch = 0;         ///< 0: nothing was agreed yet.
  std::uint64_t id = 0;            ///< No two proposals share it.
  std::uint32_t size = 1;          ///< How many nodes a quorum is a part of; >= voters.
  std::vector<std::string> voters; ///< Names that vote, crashed ones too; sorted.
  std::vector<member> members;     ///< Who is in. Sorted by name.
  std::vector<member> left;        ///< Those that left in good order with this view.
  std::vector<member> before;      ///< Members of the view before.
  bool operator==(const view&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, view& x) {
  auto& [origin, epoch, id, size, voters, members, left, before] = x;
  return f(origin, epoch, id, size, voters, members, left, before);
}

/// Told to every known node, several times a second.
struct beat {
  std::string cluster;        ///< Name of the cluster.
  std::uint32_t protocol = 4; ///< Nodes of another protocol are refused.
  member from;
  std::uint64_t origin = 0, epoch = 0, id = 0; ///< Of its view.
  bool acts = false;                           ///< It is a member and has a quorum.
  std::int64_t sent_ns = 0;  ///< By the sender's monotonic clock; comes back in the ack.
  bool leaving = false;      ///< It wants to be left out of the next view.
  std::uint64_t config = 0;  ///< Hash of what its configuration means.
  std::vector<member> known; ///< Whom else it hears.
  bool operator==(const beat&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, beat& x) {
  auto& [cluster, protocol, from, origin, epoch, id, acts, sent_ns, leaving, config, known] = x;
  return f(cluster, protocol, from, origin, epoch, id, acts, sent_ns, leaving, config, known);
}

struct beat_ack {
  member from;
  std::uint64_t id = 0;     ///< Of its view.
  std::int64_t sent_ns = 0; ///< Of the beat.
  bool counts = false; ///< The beat's sender is a member for the acker, which will not agree to a
                       ///< view without it before the detection time has passed.
  bool operator==(const beat_ack&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, beat_ack& x) {
  auto& [from, id, sent_ns, counts] = x;
  return f(from, id, sent_ns, counts);
}

/// Orders proposals for the same epoch.
struct ballot {
  std::uint64_t round = 0; ///< 0: none.
  std::string node;
  auto operator<=>(const ballot&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, ballot& x) {
  auto& [round, node] = x;
  return f(round, node);
}

/// Single-decree Paxos for the view of one epoch (Lamport, Paxos Made Simple, 2001).
struct prepare_view {
  member from, to;
  std::uint64_t origin = 0, epoch = 0;
  ballot number;
  bool operator==(const prepare_view&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, prepare_view& x) {
  auto& [from, to, origin, epoch, number] = x;
  return f(from, to, origin, epoch, number);
}

struct promise_view {
  member from;
  std::uint64_t epoch = 0;
  ballot number;
  ballot accepted; ///< Of the view that the sender has accepted for this epoch, if any.
  view value;
  bool operator==(const promise_view&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, promise_view& x) {
  auto& [from, epoch, number, accepted, value] = x;
  return f(from, epoch, number, accepted, value);
}

struct accept_view {
  member from, to;
  ballot number;
  view value;
  bool operator==(const accept_view&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, accept_view& x) {
  auto& [from, to, number, value] = x;
  return f(from, to, number, value);
}

struct view_accepted {
  member from;
  std::uint64_t epoch = 0;
  ballot number;
  bool operator==(const view_accepted&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, view_accepted& x) {
  auto& [from, epoch, number] = x;
  return f(from, epoch, number);
}

/// This view was agreed.
struct view_agreed {
  view value;
  bool operator==(const view_agreed&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, view_agreed& x) {
  auto& [value] = x;
  return f(value);
}

} // namespace echelon::messages
