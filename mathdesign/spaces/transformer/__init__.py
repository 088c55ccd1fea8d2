"""Transformers: language models, encoders, pairs, vision."""
