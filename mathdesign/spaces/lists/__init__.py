"""Lists of options with costs in tables."""
