"""What blocks hold while they run: the most that is alive at once, and what their weights take.

Counted on the operators of some blocks in a row. What is folded (:mod:`mathdesign.memory.steps`)
writes over its input: a norm, an activation, a change of view, where nothing else reads it.
"""

from __future__ import annotations

from mathdesign.memory.steps import MemoryOptions
from mathdesign.spaces.blocks.operators import Operator, Operators, Shape

#: What writes over its input, and what makes a tensor. Of other operators nothing is known.
FOLDED = ("norm", "act", "flatten")
MAKES = ("conv", "linear", "add", "multiply", "pool", "mean", "shuffle", "concat", "zero")


class NotHeld(ValueError):
    """An operator of which nobody has said what it holds."""


def most_alive(operators: Operators, given: Shape, options: MemoryOptions) -> int:
    """Bytes alive at once at the most; 0 where nothing runs."""
    last = [-1] * (len(operators) + 1)  # last reader of the output before, the input at 0
    for i, operator in enumerate(operators):
        if operator.op not in (*FOLDED, *MAKES):
            raise NotHeld(f"operator {operator.op}: nothing says what it holds")
        for back in operator.reads:
            last[i - back + 1] = i
    home, sizes, until = [0], [given.values], [max(last[0], 0)]
    most = 0
    for i, operator in enumerate(operators):
        reads = [home[i - back + 1] for back in operator.reads]
        if operator.op in FOLDED and until[reads[0]] == i:
            home.append(reads[0])
            until[reads[0]] = max(i, last[i + 1])
            continue
        alive = sum(size for size, end in zip(sizes, until) if end >= i)
        made = operator.made.values
        in_place = options.in_place_depthwise and _is_depthwise(operator) and until[reads[0]] == i
        most = max(most, alive + made - (min(made, sizes[reads[0]]) if in_place else 0))
        home.append(len(sizes))
        sizes.append(made)
        until.append(max(i, last[i + 1]))
    return most * options.value_bytes


def stored(operators: Operators, options: MemoryOptions) -> int:
    """Bytes of weights and of biases; a norm is a bias of the layer before it."""
    total, biased = 0, False
    for operator in operators:
        if operator.op in ("conv", "linear"):
            biased = operator.bias
            total += operator.weights * options.value_bytes
            total += operator.c_out * options.bias_bytes if operator.bias else 0
        elif operator.op == "norm" and not biased:
            total += operator.c_out * options.bias_bytes
    return total


def _is_depthwise(operator: Operator) -> bool:
    return operator.op == "conv" and 1 < operator.groups == operator.c_in == operator.c_out
