"""Checks of transformers from their plain words."""
