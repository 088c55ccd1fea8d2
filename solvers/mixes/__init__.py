"""Frames of layer mixes: bounds of all, integer programs of the most promising."""
