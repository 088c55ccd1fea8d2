"""Enumeration: every point of a small space."""
