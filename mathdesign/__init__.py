"""mathdesign: neural architectures designed as mathematical programs, with a proof."""
