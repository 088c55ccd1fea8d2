"""Heuristics and published baselines: they find designs and prove none."""
