"""Finding the best design with few measurements: fit, solve, query, repeat."""
