"""Checks of lists of options."""
