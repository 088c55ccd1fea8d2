"""Checks of convolutional networks, layer by layer."""
