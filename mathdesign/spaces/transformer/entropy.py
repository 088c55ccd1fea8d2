r"""Subspace entropy of a transformer: closed forms, derived in docs/transformers.md.

Weights and inputs are independent standard Gaussians and nothing normalises. A linear map from
:math:`c` channels multiplies the variance by :math:`c`, and a Gaussian vector that fills :math:`r`
dimensions with log-variance :math:`\ell` has the differential entropy :math:`r \ell / 2` (constants
dropped, as DeepMAD drops them). A layer of width :math:`d`, query width :math:`q`, key/value width
:math:`k` and feed-forward width :math:`f` adds, in nats,

.. math:: \tfrac d2 (\log d + \log q) + \tfrac d2 (\log d + [\text{gated}] \log d + \log f)
          + \tfrac{\min(k, d)}{2} \cdot 2 \log d

-- what attention and feed-forward write into the residual stream, and the keys and values that
later tokens can read. What a kind of attention loses by how it mixes is said in
:mod:`mathdesign.spaces.transformer.mixers`.
"""

from __future__ import annotations

import math

from mathdesign.spaces.transformer.mixers import MIXERS
from mathdesign.spaces.transformer.network import Transformer
from mathdesign.spaces.transformer.shape import Layer


def layer_entropy(width: int, layer: Layer, tokens: int, memory_width: int = 0) -> float:
    """Entropy that a layer adds for a sequence of ``tokens``, in nats.

    ``memory_width > 0`` adds cross-attention, whose keys and values read that width.
    """
    d = math.log(width)
    total = _attention(width, width, layer) + width / 2 * (
        d + layer.gated * d + math.log(layer.ffn)
    )
    if memory_width:
        total += _attention(width, memory_width, layer)
    return total + MIXERS[layer.attention].entropy(width, layer, tokens)


def _attention(width: int, memory_width: int, layer: Layer) -> float:
    m = math.log(memory_width)
    written = width / 2 * (m + math.log(layer.query_width))
    return written + min(layer.kv_width, memory_width) * m


def entropy(net: Transformer, length: int | None = None) -> float:
    """The sum over all layers, in nats, for ``length`` tokens (default: the whole context)."""
    tokens = net.stack_tokens(length)
    pair = net.kind == "encoder_decoder"
    return math.fsum(
        layer_entropy(
            stack.width, layer, tokens[0] if pair else n, net.stacks[0].width if pair and i else 0
        )
        for i, (stack, n) in enumerate(zip(net.stacks, tokens))
        for layer in stack.layers
    )


def effectiveness(net: Transformer) -> float:
    """Depth against width: the sum over stacks of layers / width (DeepMAD's rho = L / w)."""
    return math.fsum(len(stack.layers) / stack.width for stack in net.stacks)
