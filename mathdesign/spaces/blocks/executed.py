"""The operators of blocks as a runtime executes them: what tables and models of devices cost.

Folded block by block, so that what a network costs is the sum over its blocks: a norm and an activation
into the map before them. Views (flatten, slices) cost nothing. Positions are those of padded windows; a
convolution whose borders are cut off is told by the positions that it gives.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from mathdesign.devices.operators import Operator as Executed
from mathdesign.devices.operators import convolution, plain
from mathdesign.spaces.blocks.base import Block
from mathdesign.spaces.blocks.network import BlockNetwork, traced
from mathdesign.spaces.blocks.operators import Operator, Shape, Size

#: What an activation or a norm is folded into.
FOLDING = ("conv", "linear", "add", "multiply", "norm", "pool", "mean")
#: Kinds that are another view of the same numbers, or none.
VIEWS = ("flatten", "slice", "zero", "coordinates", "identity")
#: Kinds that read their values one by one.
ONE_BY_ONE = {"softmax": "act", "shuffle": "shuffle"}


def network_operators(network: BlockNetwork) -> tuple[Executed, ...]:
    """Those of every block, one after the other."""
    return tuple(op for block, given in network.steps for op in block_operators(block, given))


@functools.lru_cache(maxsize=2**14)
def block_operators(block: Block, given: Shape) -> tuple[Executed, ...]:
    """Those of one block on what it is given."""
    return tuple(executed(traced((block,), given)))


def executed(operators: Sequence[Operator]) -> Iterator[Executed]:
    """The operators of one block."""
    before = ""
    for operator in operators:
        folds = operator.op == "act" or (operator.op == "norm" and before in ("conv", "linear"))
        if folds and before in FOLDING and operator.reads == (1,):
            continue
        before = operator.op
        if operator.op not in VIEWS:
            yield _executed(operator)


def _executed(operator: Operator) -> Executed:
    height, width = _pair(operator.size_in)
    op, c_in, c_out = operator.op, operator.c_in, operator.c_out
    if op == "conv":
        stride = _pair(operator.stride)
        made = _pair(operator.size_out)
        if made != (-(-height // stride[0]), -(-width // stride[1])):
            height, width = made[0] * stride[0], made[1] * stride[1]
        return convolution(
            c_in, height, width, c_out, _pair(operator.kernel), stride, operator.groups
        )  # fmt: skip
    if op == "linear":
        return Executed("linear", c_in, 1, height * width, c_out)
    if op == "pool":
        return Executed(
            "pool", c_in, height, width, c_in, _pair(operator.kernel), _pair(operator.stride)
        )  # fmt: skip
    if op in ("mean", "moments"):
        return plain("global_pool", c_in, height, width)
    if op == "multiply":
        gated = "mul" if operator.size_in == operator.size_out else "excite"
        return plain(gated, c_out, *_pair(operator.size_out))
    if op == "concat":
        return Executed("concat", c_out, *_pair(operator.size_out), c_out)
    return plain(ONE_BY_ONE.get(op, op), c_out, *_pair(operator.size_out))


def _pair(size: Size) -> tuple[int, int]:
    """Height and width; a sequence has height 1."""
    return (size[0], size[1]) if len(size) == 2 else (1, size[0])
