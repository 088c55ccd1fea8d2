"""What may be built: one folder a kind, the same file names in each."""
