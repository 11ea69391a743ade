"""What bench/run is made of: the servers that are compared, the load on them, and the report."""
