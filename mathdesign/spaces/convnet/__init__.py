"""Chains of convolutional stages."""
