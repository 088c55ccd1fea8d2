"""Costs on devices of layers and frames: sums over their operators."""

from __future__ import annotations

from collections.abc import Sequence

from mathdesign.devices.operators import Operator
from mathdesign.devices.sources import Device, costs_of
from mathdesign.spaces.transformer.network import Transformer
from mathdesign.spaces.transformer.operators import layer_operators, operators, place
from mathdesign.spaces.transformer.shape import Layer


class LayerCosts:
    """The cost of layers on one device, each priced once. Raises ``SpecError`` for what is missing."""

    def __init__(self, device: Device, length: int | None) -> None:
        self.device, self.length = device, length
        self._known: dict[Operator, int] = {}
        self.base = device.prices(()).base

    def layer(self, net: Transformer, stack: int, layer: Layer) -> int:
        """Steps of one layer of a stack."""
        at = place(net, stack, self.length)
        return self._sum(tuple(layer_operators(at, layer)))

    def whole(self, net: Transformer) -> int:
        """Steps of a network."""
        return self.base + self._sum(operators(net, self.length))

    def ask(self, needed: Sequence[Operator]) -> None:
        """Price many at once, so that everything missing is told together."""
        new = [op for op in dict.fromkeys(needed) if op not in self._known]
        self._known |= costs_of(self.device, new).costs if new else {}

    def _sum(self, needed: tuple[Operator, ...]) -> int:
        self.ask(needed)
        return sum(self._known[op] for op in needed)


def every_operator(
    plans: Sequence[tuple[Transformer, Sequence[Sequence[Layer]]]], length: int | None
) -> list[Operator]:
    """All operators of networks of ``(shell, layers that each stack may have)``."""
    found: dict[Operator, None] = {}
    seen = set()
    for shell, choices in plans:
        found |= dict.fromkeys(frame_operators(shell, length))
        for i, layers in enumerate(choices):
            at = place(shell, i, length)
            for layer in layers:
                if (at, layer) not in seen:
                    seen.add((at, layer))
                    found |= dict.fromkeys(layer_operators(at, layer))
    return list(found)


def frame_operators(shell: Transformer, length: int | None) -> list[Operator]:
    """The operators of a network beside those of its layers."""
    left = list(operators(shell, length))
    for i, stack in enumerate(shell.stacks):
        for layer in stack.layers:
            for op in layer_operators(place(shell, i, length), layer):
                left.remove(op)
    return left
