"""The operators of blocks as devices know them: what a runtime executes when it has folded what it can.

Batch norms and activations are folded into what stands before them (:mod:`mathdesign.devices.operators`),
flattening changes no number, and rows of zeros are never written. A window that is not padded to half
of its kernel is named by the output that it really has.
"""

from __future__ import annotations

from collections.abc import Iterator

from mathdesign.devices.operators import Operator as Executed
from mathdesign.devices.operators import convolution, linear, plain
from mathdesign.spaces.blocks.operators import Operator, Operators, Size

#: What is no operator of its own.
FOLDED = ("norm", "act", "flatten", "zero", "slice", "coordinates")
#: Operators that keep channels and positions, by the name that devices have for them.
PLAIN = {"add": "add", "shuffle": "shuffle", "softmax": "act"}


def executed(operators: Operators) -> tuple[Executed, ...]:
    """What a runtime executes for one input, in order."""
    return tuple(one for operator in operators for one in _executed(operator))


def _executed(operator: Operator) -> Iterator[Executed]:
    channels, (height, width) = operator.c_in, _pair(operator.size_in)
    if operator.op in FOLDED:
        return
    if operator.op == "conv":
        kernel, stride = _pair(operator.kernel), _pair(operator.stride)
        sizes = (_read(n, o, s) for n, o, s in zip(
            (height, width), _pair(operator.size_out), stride, strict=True))  # fmt: skip
        yield convolution(channels, *sizes, operator.c_out, kernel, stride, operator.groups)
    elif operator.op == "linear":
        yield linear(channels, height * width, operator.c_out)
    elif operator.op == "pool":
        kernel, stride = _pair(operator.kernel), _pair(operator.stride)
        yield Executed("pool", channels, height, width, channels, kernel, stride)
    elif operator.op in ("mean", "moments"):
        yield plain("global_pool", channels, height, width)
    elif operator.op == "multiply":  # what is read first are the factors
        yield plain("excite", channels, *_pair(operator.size_out))
    elif operator.op == "concat":
        yield Executed("concat", channels, height, width, operator.c_out)
    else:
        yield plain(PLAIN[operator.op], channels, height, width)


def _pair(size: Size) -> tuple[int, int]:
    """Height and width; a sequence has height 1."""
    return (1, size[0]) if len(size) == 1 else (size[0], size[1])


def _read(size: int, out: int, stride: int) -> int:
    """Positions that a padded window of this stride reads to give ``out``."""
    return size if -(-size // stride) == out else out * stride
