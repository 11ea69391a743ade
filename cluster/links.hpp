/// Connections between nodes, as the kernel sees them.
#pragma once

#include "cluster/scout.hpp"

#include <chrono>
#include <cstdint>

namespace echelon::cluster {

/// Has the kernel end each connection at or to a cluster port once nobody has acknowledged what was
/// sent on it for `patience` (TCP_USER_TIMEOUT; RFC 5482). Without it a link on which packets
/// vanish stays half open for a quarter of an hour, and goes on long after packets pass again,
/// because TCP doubles its pauses; a new connection of the same node would be refused meanwhile.
/// Sockets that listen at `port` hand it on to those that they accept. CAF keeps its sockets to
/// itself, so all of this process are looked through: costs microseconds for each.
void end_silent_links(std::uint16_t port, std::chrono::nanoseconds patience);

/// By CAF's middleman, or with `tls` by its OpenSSL manager. Silent connections end after
/// `patience`.
[[nodiscard]] dialer dial_by_middleman(bool tls, std::chrono::nanoseconds patience);

} // namespace echelon::cluster
