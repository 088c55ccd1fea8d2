"""``cell201``: a cell of NAS-Bench-201 (Dong and Yang 2020, arXiv 2001.00326, figure 1).

Four nodes; a node adds what its edges bring. A convolution is ReLU, convolution, norm. An edge out of the
input widens where the cell does: a skip becomes a 1x1 with a norm (as in the size space of NATS-Bench,
arXiv 2009.00437). ``none`` brings zeros, so that operations before it stay part of the network, without
influence, as the benchmark counts and trains them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mathdesign.spaces.blocks.base import WIDTH, Block, BlockKind, Setting
from mathdesign.spaces.blocks.operators import Shape, ShapeError, Trace

if TYPE_CHECKING:
    from torch import nn

EDGES = ("e01", "e02", "e12", "e03", "e13", "e23")
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")


class Cell201(BlockKind):
    """Settings ``e01`` to ``e23``: the operation from one node to another."""

    name = "cell201"
    summary = "cell of NAS-Bench-201: four nodes, six operations"
    settings = (
        WIDTH,
        *(Setting(e, None, "Operation of this edge.", choices=OPERATIONS) for e in EDGES),
    )

    def run(self, block: Block, on: Trace) -> None:
        """Edge by edge, node by node."""
        nodes = [on.now]
        for node in (1, 2, 3):
            total = None
            for source in range(node):
                on.now = nodes[source]
                _edge(block[f"e{source}{node}"], block["width"], on)
                if total is not None:
                    on.add(total)
                total = on.now
            nodes.append(on.now)

    def arguments(self, block: Block, given: Shape) -> dict[str, Any]:
        """Widths and operations."""
        edges = tuple(block[edge] for edge in EDGES)
        return {"c_in": given.channels, "c_out": block["width"], "edges": edges}

    def idle(self, block: Block) -> tuple[str, ...]:
        """The edges that lie on no path from input to output."""
        live = {(i, j) for j in (1, 2, 3) for i in range(j) if block[f"e{i}{j}"] != "none"}
        ahead, back = {0}, {3}
        for j in (1, 2, 3):
            ahead |= {j for i in range(j) if (i, j) in live and i in ahead}
        for i in (2, 1, 0):
            back |= {i for j in range(i + 1, 4) if (i, j) in live and j in back}
        useful = {f"e{i}{j}" for i, j in live if i in ahead and j in back}
        return tuple(f"{edge}." for edge in EDGES if edge not in useful)

    def torch_block(self, axes: int) -> type[nn.Module]:
        """``Cell``."""
        from torch import Tensor, nn

        from mathdesign.spaces.blocks.torch_layers import layers_of

        Conv, Norm, _ = layers_of(axes)
        Average = nn.AvgPool2d if axes == 2 else nn.AvgPool1d

        class Cell(nn.Module):
            """Four nodes, each the sum of what its edges bring; edges in the order 01 02 12 03 13 23."""

            def __init__(self, c_in: int, c_out: int, edges: tuple) -> None:  # type: ignore[type-arg]
                super().__init__()
                names = ("e01", "e02", "e12", "e03", "e13", "e23")
                for name, operation in zip(names, edges):
                    width = c_in if name[1] == "0" else c_out
                    edge = nn.Sequential()
                    if operation.startswith("nor_conv"):
                        kernel = int(operation[-1])
                        conv = Conv(width, c_out, kernel, padding=kernel // 2, bias=False)
                        edge = nn.Sequential(nn.ReLU(), conv, Norm(c_out))
                    elif operation.startswith("avg_pool"):
                        edge = nn.Sequential(Average(3, 1, 1, count_include_pad=False))
                    elif operation == "skip_connect" and width != c_out:
                        edge = nn.Sequential(Conv(width, c_out, 1, bias=False), Norm(c_out))
                    setattr(self, name, edge)
                self.zeros = tuple(n for n, o in zip(names, edges) if o == "none")
                self.widens = c_in != c_out

            def bring(self, name: str, x: Tensor) -> Tensor:
                """What an edge makes of a node."""
                if name in self.zeros:
                    return 0.0 * x
                return getattr(self, name)(x)  # type: ignore[no-any-return]

            def forward(self, x: Tensor) -> Tensor:
                one = self.bring("e01", x)
                two = self.bring("e02", x) + self.bring("e12", one)
                return self.bring("e03", x) + self.bring("e13", one) + self.bring("e23", two)

        return Cell


def _edge(operation: str, width: int, on: Trace) -> None:
    """The operators of an edge on what comes next."""
    if operation.startswith("nor_conv"):
        on.act("relu")
        on.conv(width, int(operation[-1]))
        on.norm()
    elif operation == "skip_connect" and on.channels != width:
        on.conv(width)
        on.norm()
    elif operation == "skip_connect":
        on.plain("identity", on.shape)
    elif on.channels != width:
        raise ShapeError(f"{operation} keeps {on.channels} channels, {width} are asked")
    elif operation == "none":
        on.plain("zero", on.shape)
    else:
        on.pool("avg", 3)
