/// Transports that know the simulator.
#pragma once

#include "providers/simulator/engine.hpp"
#include "providers/transport.hpp"

#include <memory>

namespace echelon::providers {

/// Plays every provider in this process, with timers on `executor` in place of sockets. One per
/// reactor thread; the engine may be shared between threads.
[[nodiscard]] std::unique_ptr<transport>
make_simulator_transport(boost::asio::any_io_executor executor,
                         std::shared_ptr<simulator_engine> engine);

/// The simulator for providers of kind `simulator` or with `simulate`, real sockets for the others.
/// `engine` may be null: then such providers get one of their own without a script.
[[nodiscard]] std::unique_ptr<transport> make_transport(boost::asio::any_io_executor executor,
                                                        std::shared_ptr<simulator_engine> engine);

} // namespace echelon::providers
