/// How calls to etcd travel: its v3 API as JSON over HTTP (grpc-gateway, etcd 3.4's
/// Documentation/dev-guide/api_grpc_gateway.md; keys and values in base64, 64-bit numbers as text).
/// Pure.
#pragma once

#include "cluster/etcd_store.hpp"

#include <string>

namespace echelon::cluster {

struct etcd_request {
  std::string path; ///< Of a POST.
  std::string body;
  bool operator==(const etcd_request&) const = default;
};

[[nodiscard]] etcd_request encode(const etcd_call& x);
/// Tells of every change within `x`, line by line.
[[nodiscard]] etcd_request encode_watch(const etcd_range& x);
/// What etcd said to `x` with this HTTP status.
[[nodiscard]] etcd_answer decode(const etcd_call& x, unsigned status, const std::string& body);
/// Nobody said anything to `x`.
[[nodiscard]] etcd_answer no_answer(const etcd_call& x, std::string why);

[[nodiscard]] std::string base64(const std::string& plain);
/// Throws std::runtime_error if it is none.
[[nodiscard]] std::string from_base64(const std::string& text);

} // namespace echelon::cluster
