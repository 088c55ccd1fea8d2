"""Memory of a network that runs: what is alive at each operator, and where it lies in an arena."""
