"""``macs``: multiply-adds of one image."""

from __future__ import annotations

from mathdesign.metrics.base import CountingProfile, Metric, Product, SymbolicLayer


def layer_macs(layer: SymbolicLayer, profile: CountingProfile) -> tuple[Product, ...]:
    """``c_in k^2 c / groups`` for each output position of a convolution or linear layer.

    ``tinynas`` adds (blocks_basic.py:288-298, super_res_k1kxk1.py:153-202 of the published code)
    2 per normalised value, 1 per value of an activation, of the addition of a projected shortcut
    and of a layer scale, and ``c_in`` per input position of the average pool of a shortcut.
    """
    weighted = layer.op in ("conv", "linear")
    if profile == "macs":
        return (layer.weights * layer.area,) if weighted else ()
    if not layer.tinynas or layer.op == "max":
        return ()
    if weighted:
        products = layer.weights * layer.area
        return (products, layer.values * 2) if layer.batch_norm else (products,)
    return (layer.values * (2 if layer.op == "norm" else 1),)


MACS = Metric(
    name="macs", unit="multiply-adds", meaning="Multiply-adds of one image.", layer=layer_macs
)
