"""``cell101``: a cell of NAS-Bench-101 (Ying et al. 2019, arXiv 1902.09635).

Vertex 0 is the input, 6 the output. A vertex adds what enters it and applies its operation; what comes
from the input is projected by a 1x1 to its channels. The vertices that lead to the output share its channels,
the first ones one more where that does not divide, and are joined; every other vertex has as many as
the widest that reads it, and those read its first channels. An edge from the input to the output adds a projection.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mathdesign.spaces.blocks.base import WIDTH, Block, BlockKind, Fault, Setting
from mathdesign.spaces.blocks.operators import Shape, ShapeError, Trace

if TYPE_CHECKING:
    from torch import nn

VERTICES, LAST = 7, 6
OPERATIONS = ("none", "conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3")
EDGES = tuple(itertools.combinations(range(VERTICES), 2))


class Cell101(BlockKind):
    """Settings ``e01`` to ``e56``: whether an edge is there; ``op1`` to ``op5``: of a vertex."""

    name = "cell101"
    summary = "cell of NAS-Bench-101: up to seven vertices and nine edges"
    settings = (
        WIDTH,
        *(Setting(f"e{i}{j}", False, "Whether this edge is there.") for i, j in EDGES),
        *(Setting(f"op{v}", "none", "Of this vertex.", choices=OPERATIONS) for v in range(1, LAST)),
    )

    def misfits(self, block: Block) -> Iterator[Fault]:
        """Vertices without an operation have no edge; every other lies on a path."""
        for v in range(1, LAST):
            way_in = any(block[f"e{i}{v}"] for i in range(v))
            way_out = any(block[f"e{v}{j}"] for j in range(v + 1, VERTICES))
            if (way_in, way_out) != (block[f"op{v}"] != "none",) * 2:
                accepted = "an operation with an edge in and an edge out, or neither"
                yield f"op{v}", f"{block[f'op{v}']} and its edges", accepted, ""
        if not any(block[f"e{i}{LAST}"] for i in range(LAST)):
            yield f"e0{LAST}", "no edge to the output", "one at least", ""

    def run(self, block: Block, on: Trace) -> None:
        """Vertex by vertex."""
        entered, channels = on.now, channels_of(block, on.channels)
        made: dict[int, int] = {}
        for v in range(1, LAST):
            if block[f"op{v}"] == "none":
                continue
            total = None
            for i in range(v):
                if not block[f"e{i}{v}"]:
                    continue
                on.now = made.get(i, entered)
                if i == 0:
                    _layer(channels[v], 1, on)
                elif channels[i] > channels[v]:
                    on.plain("slice", Shape(channels[v], on.size))
                if total is not None:
                    on.add(total)
                total = on.now
            operation = block[f"op{v}"]
            if operation == "maxpool3x3":
                on.pool("max", 3)
            else:
                _layer(channels[v], int(operation[4]), on)
            made[v] = on.now
        ends = [made[v] for v in range(1, LAST) if block[f"e{v}{LAST}"]]
        if ends:
            on.now = ends[0]
            if len(ends) > 1:
                on.concat(ends[1:])
        joined = on.now
        if block[f"e0{LAST}"]:
            on.now = entered
            _layer(block["width"], 1, on)
            if ends:
                on.add(joined)

    def arguments(self, block: Block, given: Shape) -> dict[str, Any]:
        """Channels of all vertices, edges and operations that are there."""
        edges = tuple((i, j) for i, j in EDGES if block[f"e{i}{j}"])
        operations = {v: block[f"op{v}"] for v in range(1, LAST) if block[f"op{v}"] != "none"}
        channels = channels_of(block, given.channels)
        return {"channels": channels, "edges": edges, "operations": operations}

    def torch_block(self, axes: int) -> type[nn.Module]:
        """``Cell``."""
        import torch
        from torch import Tensor, nn

        from mathdesign.spaces.blocks.torch_layers import layers_of

        Conv, Norm, _ = layers_of(axes)
        Max = nn.MaxPool2d if axes == 2 else nn.MaxPool1d

        class Cell(nn.Module):
            """Vertices add what enters them; those before the output are joined."""

            def __init__(self, channels: tuple, edges: tuple, operations: dict) -> None:  # type: ignore[type-arg]
                super().__init__()

                def layer(c_in: int, c_out: int, kernel: int) -> nn.Module:
                    conv = Conv(c_in, c_out, kernel, padding=kernel // 2, bias=False)
                    return nn.Sequential(conv, Norm(c_out), nn.ReLU())

                self.project = nn.ModuleDict(
                    {str(j): layer(channels[0], channels[j], 1) for i, j in edges if i == 0}
                )
                self.vertices = nn.ModuleDict()
                for v, operation in operations.items():
                    width = channels[v]
                    pool = operation == "maxpool3x3"
                    made = Max(3, 1, 1) if pool else layer(width, width, int(operation[4]))
                    self.vertices[str(v)] = made
                self.channels, self.edges = channels, edges

            def forward(self, x: Tensor) -> Tensor:
                made = {0: x}
                last = len(self.channels) - 1
                for name, operation in self.vertices.items():
                    v = int(name)
                    total: Any = 0
                    for i, j in self.edges:
                        if j == v:
                            part = self.project[name](x) if i == 0 else made[i]
                            total = total + part[:, : self.channels[v]]
                    made[v] = operation(total)
                ends = [made[i] for i, j in self.edges if j == last and i > 0]
                direct = self.project[str(last)](x) if str(last) in self.project else None
                if not ends:
                    return direct  # type: ignore[return-value]
                joined = torch.cat(ends, dim=1)
                return joined if direct is None else joined + direct

        return Cell


def channels_of(block: Block, entering: int) -> tuple[int, ...]:
    """Channels of every vertex; 0 of those that are not there. Raises :class:`ShapeError`."""
    width = block["width"]
    found = [0] * VERTICES
    found[0], found[LAST] = entering, width
    ends = [v for v in range(1, LAST) if block[f"e{v}{LAST}"]]
    for k, v in enumerate(ends):
        found[v] = width // len(ends) + (k < width % len(ends))
    for v in reversed(range(1, LAST)):
        if not block[f"e{v}{LAST}"]:
            found[v] = max((found[j] for j in _after(block, v)), default=0)
    if any(not found[v] for v in range(1, LAST) if block[f"op{v}"] != "none"):
        raise ShapeError(f"{width} channels for {len(ends)} vertices")
    return tuple(found)


def _after(block: Block, vertex: int) -> Sequence[int]:
    return [j for j in range(vertex + 1, LAST) if block[f"e{vertex}{j}"]]


def _layer(width: int, kernel: int, on: Trace) -> None:
    on.conv(width, kernel)
    on.norm()
    on.act("relu")
