"""A design written out: PyTorch source, YAML, JSON."""
