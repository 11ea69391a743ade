/// The membership that is kept in etcd, together with the way there.
#pragma once

#include "cluster/etcd_client.hpp"
#include "cluster/etcd_membership.hpp"

#include <functional>
#include <utility>

namespace echelon::cluster {

class etcd_member final : public etcd_membership {
public:
  /// `wake` runs on another thread when tick() should be called soon. Throws std::runtime_error if
  /// the PEM files cannot be read.
  etcd_member(membership_settings settings, etcd_membership_settings own,
              etcd_client_settings client, std::function<void()> wake)
      : etcd_membership(std::move(settings), std::move(own)),
        client_(std::move(client), keys().all(), std::move(wake)) {}

  void tick(time_point now) override {
    const auto news = client_.take();
    if (news.changed) changed();
    for (const auto& x : news.answers)
      etcd_membership::receive(x, now);
    etcd_membership::tick(now);
    for (auto& call : take_calls())
      client_.ask(std::move(call));
  }

private:
  etcd_client client_;
};

} // namespace echelon::cluster
