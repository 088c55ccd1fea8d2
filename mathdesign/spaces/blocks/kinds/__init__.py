"""One file a kind of block."""
