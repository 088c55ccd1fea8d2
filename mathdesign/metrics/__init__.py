"""Metrics that are sums over the layers of a network: one module each, registered here by name."""

from __future__ import annotations

from mathdesign.metrics.base import CountingProfile, Metric, Product, SymbolicLayer
from mathdesign.metrics.blocks import BLOCKS
from mathdesign.metrics.macs import MACS
from mathdesign.metrics.params import PARAMS

__all__ = ["METRICS", "CountingProfile", "Metric", "Product", "SymbolicLayer"]

METRICS: dict[str, Metric] = {metric.name: metric for metric in (MACS, PARAMS, BLOCKS)}
"""Every metric by name, in the order in which budgets are written."""
