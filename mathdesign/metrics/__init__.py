"""Metrics of designs, vectorised over candidates."""
