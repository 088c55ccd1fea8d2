"""Operators and whole networks of a space as calls of a runtime that can be timed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mathdesign.devices.operators import Operator, plain
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


Calls = tuple[Call, ...]
"""An operator, and where a runtime is entered anew by each call, what does nothing to its input."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A runtime and how operators are run on it."""

    runtime: Runtime
    around: Surroundings
    batch: int = 1
    protocol: Protocol = OPERATORS

    def timer(self, operators: Sequence[Operator]) -> list[Timing | str]:
        """Time operators beside one another; a text says why one cannot be.

        What it takes to enter the runtime, with nothing done to the same input, is timed beside each
        operator and taken off.
        """
        with self.runtime.running():
            calls = self.calls(operators)
            timings = timed(_flat(calls), self.protocol, self.runtime.clock)
        return _told(calls, timings)

    def calls(self, operators: Sequence[Operator]) -> list[Calls | str]:
        """Of each operator itself and of what stands around it; a text says why there is none."""
        found: list[Calls | str] = []
        for operator in operators:
            try:
                found.append(self._calls(operator))
            except CannotMeasure as error:
                found.append(str(error))
        return found

    def _calls(self, operator: Operator) -> Calls:
        """The operator, and what stands around it. Raises :class:`CannotMeasure`."""
        call = self._call(operator)
        if not self.runtime.enters:
            return (call,)
        nothing, inputs = made(_nothing(operator), self.around, self.batch)
        return call, self.runtime.call([nothing], inputs)

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


#: Least share of a timing that is left to an operator.
LEAST = 0.01


def _flat(calls: Sequence[Calls | str]) -> list[Call]:
    return [call for own in calls if not isinstance(own, str) for call in own]


def _told(calls: Sequence[Calls | str], timings: Sequence[Timing]) -> list[Timing | str]:
    """The timings of :func:`_flat`, operator by operator."""
    left = iter(timings)
    return [own if isinstance(own, str) else _inside(*(next(left) for _ in own)) for own in calls]


def _inside(whole: Timing, around: Timing | None = None) -> Timing:
    """What of ``whole`` is not ``around`` it; the spread stays that of the whole."""
    if around is None:
        return whole
    left = max(whole.seconds - around.seconds, LEAST * whole.seconds)
    return Timing(left, whole.spread * whole.seconds / left, whole.runs)


def _nothing(operator: Operator) -> Operator:
    """What reads the same and does nothing."""
    return plain("skip", operator.c_in, operator.height, operator.width)


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
        anchors = bench.calls(beside)
        timings = timed([*calls, *_flat(anchors)], bench.protocol, bench.runtime.clock)
    return timings[: len(calls)], _told(anchors, timings[len(calls) :])
