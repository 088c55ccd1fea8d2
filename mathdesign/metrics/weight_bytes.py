"""``weight_bytes``: what a network's weights take, norms folded into the layers before them."""

from __future__ import annotations

from mathdesign.metrics.base import CountingProfile, Metric, Product, SymbolicLayer


def weight_bytes(value_bytes: int, bias_bytes: int) -> Metric:
    """Weights of ``value_bytes``; a bias of ``bias_bytes`` for each output channel that has a norm or one.

    A layer norm stays as it is: two numbers a channel, as biases are held. A layer scale is folded.
    """

    def layer(layer: SymbolicLayer, profile: CountingProfile) -> tuple[Product, ...]:
        if layer.op in ("conv", "linear"):
            biases = bias_bytes * bool(layer.bias or layer.batch_norm)
            weights = layer.weights * value_bytes
            return (weights, layer.c_out * biases) if biases else (weights,)
        return (layer.c_out * (2 * bias_bytes),) if layer.op == "norm" else ()

    return Metric("weight_bytes", "bytes", "Weights and biases as they are stored.", layer)
