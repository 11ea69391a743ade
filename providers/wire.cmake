# Sources of the wire formats: pure translation.
target_sources(echelon_wire PRIVATE)
