"""Networks as chains of blocks, each with its operators and its builder."""
