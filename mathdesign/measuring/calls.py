"""Operators and whole networks of a space as calls of a runtime that can be timed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mathdesign.devices.operators import Operator
from mathdesign.devices.timing import Call, Protocol, Timing, timed
from mathdesign.kinds import AnyKind
from mathdesign.measuring.modules import CannotMeasure, made
from mathdesign.measuring.runtimes import Runtime
from mathdesign.measuring.surroundings import Surroundings
from mathdesign.spaces.kind import CannotBuild

if TYPE_CHECKING:
    from torch import Tensor, nn

#: An operator's weights take turns with copies of them of so many bytes together: in a network they
#: come from memory, because all other weights have been read since.
COLD_BYTES = 16 << 20
MOST_COPIES = 16
#: Fewer bytes are not missed where they come from.
WARM_BYTES = 32 << 10
FLOAT_BYTES = 4
#: Of operators, in one pass.
OPERATORS = Protocol(rounds=3)


@dataclass(frozen=True, slots=True)
class Bench:
    """A runtime and how operators are run on it."""

    runtime: Runtime
    around: Surroundings
    batch: int = 1
    protocol: Protocol = OPERATORS

    def timer(self, operators: Sequence[Operator]) -> list[Timing | str]:
        """Time operators beside one another; a text says why one cannot be."""
        calls: list[Call | str] = []
        with self.runtime.running():
            for operator in operators:
                try:
                    calls.append(self._call(operator))
                except CannotMeasure as error:
                    calls.append(str(error))
            sound = [call for call in calls if not isinstance(call, str)]
            timings = iter(timed(sound, self.protocol, self.runtime.clock))
        return [call if isinstance(call, str) else next(timings) for call in calls]

    def _call(self, operator: Operator) -> Call:
        """Raises :class:`CannotMeasure`."""
        module, inputs = made(operator, self.around, self.batch)
        held = operator.weights * FLOAT_BYTES
        copies = min(MOST_COPIES, -(-COLD_BYTES // held)) if held >= WARM_BYTES else 1
        others = [copy.deepcopy(module) for _ in range(copies - 1)]
        try:
            call = self.runtime.call([module, *others], inputs)
            call()
        except (RuntimeError, ValueError, NotImplementedError) as error:
            words = " ".join(str(error).split())[:200]
            raise CannotMeasure(f"{operator.key}: {self.runtime.name}: {words}") from None
        return call


def built(kind: AnyKind, network: Any, batch: int = 1) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """The module of a network in evaluation mode, and what it reads: random numbers, tokens.

    Raises :class:`CannotMeasure`.
    """
    try:
        module: nn.Module = kind.build(network)
        shapes = kind.example(network)
    except CannotBuild as error:
        raise CannotMeasure(str(error)) from None
    text = kind.text(network)
    vocabulary = 1 if text is None else text.vocabulary
    return module.eval(), tuple(_drawn(one, batch, vocabulary) for one in shapes)


def _drawn(shape: Tensor, batch: int, vocabulary: int) -> Tensor:
    """Like an example without storage, ``batch`` times."""
    import torch

    size = (batch, *shape.shape[1:])
    if shape.dtype.is_floating_point:
        return torch.randn(size)
    return torch.randint(0, vocabulary, size)


def surroundings(kind: AnyKind, network: Any) -> Surroundings:
    """Read off a built network. Raises :class:`CannotMeasure`."""
    module, _ = built(kind, network)
    return Surroundings.of(module, causal=kind.text(network) is not None)


def time_networks(
    bench: Bench, kind: AnyKind, networks: Sequence[Any], beside: Sequence[Operator] = (),
    on_built: Callable[[int], None] = lambda number: None,
) -> tuple[list[Timing], list[Timing | str]]:  # fmt: skip
    """Time whole networks as they would be deployed, and operators ``beside`` them, in common rounds.

    Raises :class:`CannotMeasure`.
    """
    with bench.runtime.running():
        calls = []
        for number, network in enumerate(networks):
            module, inputs = built(kind, network, bench.batch)
            calls.append(bench.runtime.whole(module, inputs))
            on_built(number + 1)
        anchors: list[Call | str] = []
        for operator in beside:
            try:
                anchors.append(bench._call(operator))
            except CannotMeasure as error:
                anchors.append(str(error))
        sound = [call for call in anchors if not isinstance(call, str)]
        timings = timed([*calls, *sound], bench.protocol, bench.runtime.clock)
    rest = iter(timings[len(calls) :])
    return timings[: len(calls)], [a if isinstance(a, str) else next(rest) for a in anchors]
