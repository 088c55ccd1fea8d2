"""The search for a placement: as it is written (``placing``), and compiled (``quick``).

A few dozen buffers of a network are placed sooner than numba is imported.
"""
