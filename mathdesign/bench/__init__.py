"""Measuring ourselves: the published programs, and every solver on them in one run."""
