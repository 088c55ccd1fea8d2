"""Solver-free programs: one protocol, three forms (chains of monomials, slots of options, mixes of layers)."""
