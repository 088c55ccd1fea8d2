"""What is alive while a built module runs: its own graph, traced, and each tensor's last use.

Shares nothing with the program or the families: the module is traced by ``torch.fx`` as its
``forward`` is written, sizes come from running it on the meta device, and a tensor is alive from
the node that makes it to the last that reads it. What a runtime folds is folded: a batch norm, an
activation, a padding or a factor of each channel writes over its input, which nothing else reads;
views are their input.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # torch takes a second to load, and not every check needs it
    from torch import Tensor, fx, nn

#: Modules of torch that make a new tensor; every other one writes over its input.
MAKERS = (
    "Conv1d", "Conv2d", "Linear", "AvgPool1d", "AvgPool2d", "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d", "MaxPool2d", "LayerNorm", "ChannelShuffle",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moment:
    """What is alive while one node runs, in numbers of one image."""

    node: str
    values: int


def moments(
    module: nn.Module, shape: tuple[int, ...], *, in_place_depthwise: bool = False
) -> list[Moment]:
    """Every node of ``module`` that makes a tensor, in order; ``shape`` is one input's, no batch."""
    graph, nodes = _traced(module, shape)
    home: dict[fx.Node, fx.Node] = {}
    """Node -> the node whose tensor it is."""
    last: dict[fx.Node, int] = {}
    for i, node in enumerate(nodes):
        read = [home[n] for n in node.all_input_nodes if n in home]
        for tensor in read:
            last[tensor] = i
        if _is_tensor(node):
            home[node] = node if node.op == "placeholder" or _makes(graph, node) else read[0]
            last[home[node]] = i
    found: list[Moment] = []
    made: list[fx.Node] = []
    for i, node in enumerate(nodes):
        if home.get(node) is not node:
            continue
        made.append(node)
        if node.op == "placeholder":
            continue
        sizes = {tensor: _size(tensor) for tensor in made if last[tensor] >= i}
        source = home[node.all_input_nodes[0]]
        if in_place_depthwise and _is_depthwise(graph, node) and last[source] == i:
            sizes[node] = max(sizes[node], sizes.pop(source))
        found.append(Moment(node.name, sum(sizes.values())))
    return found


def peak_values(
    module: nn.Module, shape: tuple[int, ...], *, in_place_depthwise: bool = False
) -> int:
    """The most numbers that are alive at once."""
    found = moments(module, shape, in_place_depthwise=in_place_depthwise)
    return max(moment.values for moment in found)


def _traced(module: nn.Module, shape: tuple[int, ...]) -> tuple[fx.GraphModule, list[fx.Node]]:
    import torch
    from torch import fx
    from torch.fx.passes.shape_prop import ShapeProp

    graph = fx.symbolic_trace(module.eval()).to("meta")
    ShapeProp(graph).propagate(torch.empty(1, *shape, device="meta"))
    return graph, list(graph.graph.nodes)


def _is_tensor(node: fx.Node) -> bool:
    """Whether a node gives a tensor that is no weight."""
    meta = node.meta.get("tensor_meta")
    return node.op not in ("get_attr", "output") and hasattr(meta, "shape")


def _makes(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Whether a node needs memory of its own."""
    import torch
    from torch import nn

    if node.op == "call_module":
        makers = tuple(getattr(nn, name) for name in MAKERS)
        return isinstance(graph.get_submodule(str(node.target)), makers)
    both = (operator.add, operator.mul, operator.iadd, operator.imul, torch.add, torch.mul)
    if node.op == "call_function" and node.target in both:
        return all(n.op != "get_attr" for n in node.all_input_nodes)
    return False


def _is_depthwise(graph: fx.GraphModule, node: fx.Node) -> bool:
    from torch import nn

    if node.op != "call_module":
        return False
    made: Any = graph.get_submodule(str(node.target))
    return isinstance(made, nn.Conv1d | nn.Conv2d) and (
        1 < made.groups == made.in_channels == made.out_channels
    )


def _size(node: fx.Node) -> int:
    total = 1
    for side in node.meta["tensor_meta"].shape:
        total *= int(side)
    return total


def weights_of(module: nn.Module) -> Iterator[tuple[Tensor, bool]]:
    """Every parameter that is stored, and whether it is a weight of a convolution or linear layer.

    Batch norms become a bias of the layer before them, layer scales go into it; neither is stored.
    """
    from torch import nn

    for part in module.modules():
        if isinstance(part, nn.Conv1d | nn.Conv2d | nn.Linear):
            yield part.weight, True
            if part.bias is not None:
                yield part.bias, False
        elif isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            yield part.bias, False
        elif isinstance(part, nn.LayerNorm):
            yield part.weight, False
            yield part.bias, False
