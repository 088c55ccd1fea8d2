"""``params``: weights, biases, and two per normalised channel."""

from __future__ import annotations

from mathdesign.metrics.base import CountingProfile, Metric, Product, SymbolicLayer


def layer_params(layer: SymbolicLayer, profile: CountingProfile) -> tuple[Product, ...]:
    """``c_in k^2 c / groups`` weights. ``tinynas`` leaves the classifier out."""
    if layer.op == "linear" and profile == "tinynas":
        return ()
    if layer.op in ("conv", "linear"):
        per_channel = layer.bias + 2 * layer.batch_norm
        return (layer.weights, layer.c_out * per_channel) if per_channel else (layer.weights,)
    per_channel = {"norm": 2, "scale": 1}.get(layer.op, 0)
    return (layer.c_out * per_channel,) if per_channel else ()


PARAMS = Metric(name="params", unit="weights", meaning="Weights.", layer=layer_params)
