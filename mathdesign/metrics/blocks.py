"""``blocks``: the total depth of the body stages."""

from __future__ import annotations

from mathdesign.metrics.base import Metric

BLOCKS = Metric(
    name="blocks",
    unit="blocks",
    meaning="Total depth of the body stages.",
    block=1,
    is_objective=False,
)
