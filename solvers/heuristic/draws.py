"""Random feasible points of a program: a random beginning, then random moves that never do harm.

Whoever has no solver takes designs like these. They are not drawn with equal chances: a beginning
is, among what keeps the rules, and walks until all budgets hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Protocol

import numpy as np

from mathdesign.programs.base import IntArray, Program
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.mixes import Frame, Group, MixProblem
from mathdesign.programs.slots import SlotProblem
from mathdesign.programs.union import Union
from mathdesign.solvers.base import UnsupportedProblem
from mathdesign.solvers.heuristic.construct import STEPS, WidthChain, descend
from mathdesign.solvers.heuristic.moves import Moves
from mathdesign.solvers.heuristic.scoring import Scoring

#: Published mutations of a chain before its walk towards the budgets.
MIXING = 300
#: Beginnings for one point.
ATTEMPTS = 20


class Draws(Protocol):
    """One attempt at a random feasible point; ``None``: the walk ended outside of the budgets."""

    def __call__(self, rng: Random) -> tuple[int, ...] | None:
        """Same state of ``rng``, same point."""


def draws(program: Program) -> Draws:
    """What draws points of ``program``. Raises :class:`UnsupportedProblem` for forms without."""
    made = DRAWS.get(program.form)
    if made is None:
        raise UnsupportedProblem(f"no random points are drawn of programs of form {program.form}")
    found: Draws = made(program)
    return found


class ChainDraws:
    """A chain: random widths, a random walk by the published mutator (DeepMAD's), then descent."""

    def __init__(self, program: DesignProblem) -> None:
        self.scoring, self.moves = Scoring(program), Moves(program)
        self.chain = WidthChain(self.moves)

    def __call__(self, rng: Random) -> tuple[int, ...] | None:
        """See :class:`Draws`."""
        index = self.chain.random(rng)
        if index is None or self.moves.frozen:
            return None
        for _ in range(MIXING):
            index = self.moves.mutate(index, rng)
        end = descend(self.scoring, self.moves, index, rng, STEPS, lambda: None)
        if end.violation > 0.0 or end.index is None:
            return None
        return self.scoring.point(end.index)


class MixDraws:
    """A mix: a frame that can keep every budget, layers at random, then layers changed one by one."""

    def __init__(self, program: MixProblem) -> None:
        self.program = program
        sides = program.sides()
        self.at = np.array([at for at, _, _ in sides], dtype=np.int64)
        self.signs = np.array([sign for _, sign, _ in sides], dtype=np.int64)
        self.limits = np.array([limit for _, _, limit in sides], dtype=np.int64)
        self.frames = [i for i, frame in enumerate(program.frames) if self._may_fit(frame)]

    def __call__(self, rng: Random) -> tuple[int, ...] | None:
        """See :class:`Draws`."""
        if not self.frames:
            return None
        index = rng.choice(self.frames)
        frame = self.program.frames[index]
        layers = [_layers(group, rng) for group in frame.groups]
        violation = self._violation(frame, layers)
        for _ in range(STEPS):
            if violation == 0.0 or not frame.groups:
                break
            g = rng.randrange(len(frame.groups))
            before = layers[g]
            layers[g] = _changed(frame.groups[g], before, rng)
            reached = self._violation(frame, layers)
            if reached > violation:
                layers[g] = before
            else:
                violation = reached
        point = (
            index,
            *(n for group, own in zip(frame.groups, layers) for n in _counts(group, own)),
        )
        return point if self.program.feasible(point) else None

    def _may_fit(self, frame: Frame) -> bool:
        """Whether each budget, alone, is kept by some layers of the frame."""
        least = self.signs * frame.costs[self.at]
        for group in frame.groups:
            best = (self.signs * group.costs[:, self.at]).min(axis=0)
            least += best * np.where(best < 0, group.most, group.least)
        return bool((least <= self.limits).all())

    def _violation(self, frame: Frame, layers: Sequence[Sequence[int]]) -> float:
        """The sum of what exceeds each limit, as a share of it."""
        total: IntArray = frame.costs[self.at]
        for group, own in zip(frame.groups, layers):
            total = total + group.costs[list(own)][:, self.at].sum(axis=0)
        excess = self.signs * total - self.limits
        return float((np.maximum(excess, 0) / np.maximum(np.abs(self.limits), 1)).sum())


class SlotDraws:
    """Slots: an option of each at random, then one slot changed after another."""

    def __init__(self, program: SlotProblem) -> None:
        self.program = program
        self.sizes = [len(slot.options) for slot in program.slots]

    def __call__(self, rng: Random) -> tuple[int, ...] | None:
        """See :class:`Draws`."""
        point = [rng.randrange(size) for size in self.sizes]
        violation = self._violation(point)
        for _ in range(STEPS):
            if violation == 0.0:
                break
            at = rng.randrange(len(point))
            before = point[at]
            point[at] = rng.randrange(self.sizes[at])
            reached = self._violation(point)
            if reached > violation:
                point[at] = before
            else:
                violation = reached
        return tuple(point) if self.program.feasible(point) else None

    def _violation(self, point: Sequence[int]) -> float:
        """Rules that are broken, and what exceeds each budget as a share of it."""
        row = np.array(point, dtype=np.int64)[None]
        total = sum(float(not rule.at(row)[0]) for rule in self.program.rules)
        for budget in self.program.budgets:
            value = int(self.program.metrics[budget.metric].at(row)[0])
            for side, bound in budget.sides:
                excess = value - bound if side == "max" else bound - value
                total += max(excess, 0) / max(abs(bound), 1)
        return total


class UnionDraws:
    """A union: members in random order, until one of them gives a point."""

    def __init__(self, program: Union) -> None:
        self.members = [(member.number, draws(member.program)) for member in program.members]

    def __call__(self, rng: Random) -> tuple[int, ...] | None:
        """See :class:`Draws`."""
        for number, draw in rng.sample(self.members, len(self.members)):
            point = draw(rng)
            if point is not None:
                return (number, *point)
        return None


def _layers(group: Group, rng: Random) -> tuple[int, ...]:
    """As many options as may be, each at random."""
    count = rng.randint(group.least, group.most)
    return tuple(rng.randrange(len(group.values)) for _ in range(count))


def _changed(group: Group, layers: tuple[int, ...], rng: Random) -> tuple[int, ...]:
    """One layer more, one less, or another one in its place: what the group allows."""
    move, fresh = rng.randrange(3), rng.randrange(len(group.values))
    if move == 0 and len(layers) < group.most:
        return (*layers, fresh)
    if not layers:
        return layers
    at = rng.randrange(len(layers))
    if move == 1 and len(layers) > group.least:
        return layers[:at] + layers[at + 1 :]
    return (*layers[:at], fresh, *layers[at + 1 :])


def _counts(group: Group, layers: Sequence[int]) -> list[int]:
    """How often each option is taken."""
    counts = np.bincount(np.array(layers, dtype=np.int64), minlength=len(group.values))
    return [int(count) for count in counts]


#: By the form of a program.
DRAWS: dict[str, Callable[[Any], Draws]] = {
    DesignProblem.form: ChainDraws,
    MixProblem.form: MixDraws,
    SlotProblem.form: SlotDraws,
    Union.form: UnionDraws,
}
