"""What a chain of blocks holds while it runs, from the operators of the whole network in order.

Programs know each option by itself; here all operators are one list, and a tensor lives from the one
that makes it to the last that reads it, wherever that is.
"""

from __future__ import annotations

from collections.abc import Mapping

from mathdesign.memory.figures import Held
from mathdesign.memory.steps import ACTIVATION_BYTES, WEIGHT_BYTES, MemoryOptions
from mathdesign.spaces.blocks.network import BlockNetwork
from mathdesign.validators.convnet.memory import Tape, held_of
from mathdesign.validators.errors import BudgetExceeded, RecheckError

#: What a runtime folds into the operator before it, or does not execute.
NO_TENSOR = frozenset({"norm", "act", "flatten"})


def taped(network: BlockNetwork) -> Tape:
    """Every operator that makes a tensor, with what it reads."""
    tape, made = Tape([network.given.values]), {-1: 0}
    names = [
        f"block {b + 1} ({block.kind})"
        for b, (block, given) in enumerate(network.steps)
        for _ in BlockNetwork("", given, (block,)).operators
    ]
    for i, (operator, tape.place) in enumerate(zip(network.operators, names)):
        reads = [made[i - back] for back in operator.reads]
        if operator.op in NO_TENSOR:
            made[i] = reads[0]
            continue
        depthwise = operator.op == "conv" and 1 < operator.groups == operator.c_in == operator.c_out
        made[i] = tape.run(operator.op, reads, operator.made.values, overwrites=depthwise)
    return tape


def weights_of(network: BlockNetwork, options: MemoryOptions) -> int:
    """Bytes of weights and of biases; a norm makes a bias where there was none."""
    total, folded = 0, True
    for operator in network.operators:
        if operator.weights:
            total += operator.weights * options.value_bytes
            folded = operator.bias
        if (operator.weights and operator.bias) or (operator.op == "norm" and not folded):
            total += operator.c_out * options.bias_bytes
    return total


def verify_memory(
    network: BlockNetwork,
    options: MemoryOptions,
    claimed: Mapping[str, int],
    limits: Mapping[str, tuple[int | None, int | None]],
) -> tuple[dict[str, int], Held]:
    """The bytes of a network, counted here. Raises :class:`RecheckError`.

    ``limits``: metric -> most, least.
    """
    found = held_of(taped(network), options)
    counted = {WEIGHT_BYTES: weights_of(network, options), ACTIVATION_BYTES: found.peak}
    for name, value in counted.items():
        if claimed.get(name) != value:
            raise RecheckError(f"{name}: claimed {claimed.get(name)}, counted {value}")
        most, least = limits.get(name, (None, None))
        if (most is not None and value > most) or (least is not None and value < least):
            raise BudgetExceeded(f"{name}: {value:,} is not within its budget")
    return counted, found
