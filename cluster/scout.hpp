/// How an office finds the others and gets to them; what cannot be simulated is behind these.
#pragma once

#include <caf/error.hpp>
#include <caf/event_based_actor.hpp>

#include <cstdint>
#include <functional>
#include <set>
#include <string>

namespace echelon::cluster {

/// Looks where others can be reached, and tells the office by `reachable_atom` and the address.
class scout {
public:
  scout() = default;
  virtual ~scout() = default;
  scout(const scout&) = delete;
  scout& operator=(const scout&) = delete;

  /// To whom there is no way yet; replaces what was wanted before.
  virtual void want(std::set<std::string> addresses) = 0;
  /// Who listens at `address` is no node that lets us in.
  virtual void refused(const std::string& address, const std::string& why) = 0;
};

/// Connects the asking actor with the office that listens at an address. Exactly one of the two is
/// called, as a message to `self`; `then` with null if nobody is published there.
using dialer =
    std::function<void(caf::event_based_actor* self, const std::string& host, std::uint16_t port,
                       std::function<void(const caf::strong_actor_ptr&)> then,
                       std::function<void(const caf::error&)> failed)>;

} // namespace echelon::cluster
