r"""The log-volume of a transformer: how wide its layers are, and how far its depth counts.

A layer has four maps: into attention, out of it, into the feed-forward part, out of it; they read
:math:`d`, the query width :math:`q`, :math:`d` and the feed-forward width :math:`f`. Its width is the
geometric mean of those, and :math:`L` layers count as :math:`1 / (1/L + K/d)`, the harmonic mean
of depth and a share of the width, less its factor of two:

.. math:: V = \frac1L \sum_l \tfrac14 \ln(d^2 q_l f_l) - \ln\Bigl(\frac1L + \frac Kd\Bigr)

for each stack, stack s of S weighing s / S. docs/objective.md says why.
"""

from __future__ import annotations

import math

from mathdesign.spaces.transformer.network import Transformer
from mathdesign.spaces.transformer.shape import Layer, Stack

#: Channels of the residual stream that one more layer needs before it counts in full.
PER_LAYER = 12.0


def layer_width(width: int, layer: Layer) -> float:
    """The logarithm of the geometric mean of what a layer's four maps read, nats."""
    return (2 * math.log(width) + math.log(layer.query_width) + math.log(layer.ffn)) / 4


def log_depth(layers: int, width: int, per_layer: float = PER_LAYER) -> float:
    """The logarithm of the depth that counts, nats."""
    return -math.log(1 / layers + per_layer / width)


def stack_volume(stack: Stack, per_layer: float = PER_LAYER) -> float:
    """Of one stack, nats."""
    widths = math.fsum(layer_width(stack.width, layer) for layer in stack.layers)
    count = len(stack.layers)
    return widths / count + log_depth(count, stack.width, per_layer)


def volume(net: Transformer, per_layer: float = PER_LAYER) -> float:
    """Of a whole network: later stacks weigh more, nats."""
    count = len(net.stacks)
    return math.fsum(
        (s + 1) / count * stack_volume(stack, per_layer) for s, stack in enumerate(net.stacks)
    )
