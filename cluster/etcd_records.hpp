/// The keys and values that a cluster keeps in etcd. Pure.
///
/// Below `echelon/CLUSTER/`: `head` is the newest view, `views/EPOCH` the newest ones of the chain
/// for whoever is behind, `members/NODE` a living process, with its lease. Values are JSON.
#pragma once

#include "cluster/etcd_store.hpp"
#include "messages/cluster.hpp"

#include <optional>
#include <string>

namespace echelon::cluster {

/// What a node says of itself.
struct etcd_record {
  messages::member who;
  std::string cluster, version;
  std::uint32_t protocol = messages::beat{}.protocol;
  std::uint64_t config = 0; ///< Hash of what its configuration means.
  std::uint64_t epoch = 0;  ///< Of the view that it lives by.
  bool leaving = false;
  bool operator==(const etcd_record&) const = default;
};

class etcd_keys {
public:
  explicit etcd_keys(const std::string& cluster);

  [[nodiscard]] std::string head() const { return root_ + "head"; }
  [[nodiscard]] std::string view(std::uint64_t epoch) const;
  [[nodiscard]] std::string member(const std::string& node) const;
  [[nodiscard]] etcd_range members() const;
  /// The views of this epoch and later ones.
  [[nodiscard]] etcd_range views(std::uint64_t epoch) const;
  /// Everything of the cluster.
  [[nodiscard]] etcd_range all() const;

private:
  std::string root_;
};

[[nodiscard]] std::string written(const etcd_record& x);
[[nodiscard]] std::string written(const messages::view& x);
/// Nothing if it is no such value.
[[nodiscard]] std::optional<etcd_record> read_record(const std::string& text);
[[nodiscard]] std::optional<messages::view> read_view(const std::string& text);

} // namespace echelon::cluster
