# Sources of the transports and the simulator.
target_sources(echelon_upstream PRIVATE)
