/// Notices that a client leaves while its request is under way.
#pragma once

#include "gateway/connection.hpp"

#include <functional>
#include <memory>

namespace echelon::gateway {

/// Looks out for the client's end while nothing is read from it: `on_gone` is called once, on the
/// connection's executor. Looks from 20 to 40 ms after its beginning on, so that a request that is
/// answered sooner costs no system call. Ends with its destruction, before the next read.
class departure_watch {
public:
  departure_watch(connection& of, std::function<void()> on_gone);
  ~departure_watch();
  departure_watch(const departure_watch&) = delete;
  departure_watch& operator=(const departure_watch&) = delete;

  struct state;

private:
  std::shared_ptr<state> state_;
};

} // namespace echelon::gateway
