"""Branch and cut: the boxes that messages do not close are bounded by a linear program with cliques.

A node solves :class:`~mathdesign.solvers.trees.program.TreeProgram`, closes what its duals close, and
adds cliques. From the duals a search by messages (:mod:`.dive`) goes on below it, as far as it
promises to end sooner than two more nodes would. Otherwise every option that is left is *probed*: the
compiled bound of the part of the box where it is taken, from the duals just found. Probing closes options, and it ranks the ways to branch:
on the best option of a slot, itself against all the others of the slot together. The most promising
few ways are looked at by the program itself, a few iterations each. Measured on 100 trees of 31
leaves over 21 slots under two budgets (`benchmarks/tree_peers.py`): one child an option needs twice
the nodes, since options that are alike are closed alike; branching without the look three to four
times as many on the hardest ensemble.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from operator import itemgetter

import numpy as np

from mathdesign.programs.base import BoolArray, IntArray
from mathdesign.solvers.base import Termination
from mathdesign.solvers.trees.arrays import box, stack
from mathdesign.solvers.trees.dive import Dive
from mathdesign.solvers.trees.primal import random_start, tabu
from mathdesign.solvers.trees.program import Priced, TreeProgram
from mathdesign.solvers.trees.state import State

#: Rounds of cliques in the first box and in others.
ROOT_ROUNDS, NODE_ROUNDS = 8, 5
#: Rows that a solution does not lean on are forgotten every so many rounds: they slow what follows.
PURGE_EVERY = 2
#: Tabu walks before the first node since the last that met a better point (the cutoff decides how much
#: is closed: the time to prove halves with the optimum in hand), moves of each, and moves around each
#: solution of the program.
WALKS, MOVES, NODE_MOVES = 20, 150, 100
#: Sweeps of the compiled bound when an option is probed.
PROBE_SWEEPS = 1
#: Ways to branch that the program looks at: so many by the estimate, so many by attribution; and its
#: iterations for each part.
LOOKS, TELLING, LOOK_ITERATIONS = 2, 2, 50
#: A search by messages goes on while it promises to end within so many leaves: what two nodes cost.
MOST_LEFT = 1_500_000


@dataclass(frozen=True, slots=True)
class OpenBox:
    """An open node: its bound, the options and the leaves that are not closed."""

    bound: float
    alive: BoolArray
    leaves: BoolArray


Part = tuple[float, BoolArray]
"""A bound and the options that are left."""


@dataclass(slots=True)
class Cutting:
    """The search below one box. ``open`` holds boxes that together have every better point."""

    state: State
    alive: InitVar[BoolArray]
    bound: InitVar[float]
    open: list[OpenBox] = field(init=False)
    program: TreeProgram = field(init=False)
    rng: np.random.Generator = field(init=False)

    def __post_init__(self, alive: BoolArray, bound: float) -> None:
        self.open = [OpenBox(bound, alive, np.ones(len(self.state.model.value), dtype=bool))]
        self.report()
        self.rng = np.random.default_rng(self.state.options.seed + 1)
        self.program = TreeProgram(self.state.model)

    def run(self) -> Termination:
        """Nodes until none is left, or a limit."""
        self._walks()
        first = True
        while self.open:
            if reason := self.state.clock.stop():
                return reason
            self.step(ROOT_ROUNDS if first else NODE_ROUNDS)
            self.report()
            first = False
        return Termination.COMPLETED

    def _walks(self) -> None:
        """From random points, until no better point was met for long."""
        state, walk, enough = self.state, 0, WALKS
        while walk < enough and not state.clock.stop():
            walk, before = walk + 1, state.best.objective
            self._walk(random_start(state.problem, self.rng), MOVES)
            if state.best.objective != before:
                enough = WALKS + 2 * walk

    def _walk(self, start: IntArray, moves: int) -> None:
        state = self.state
        tabu(state.near, state.best, self.rng, start, moves, state.clock)

    def report(self) -> None:
        """Refresh bound and progress."""
        self.state.report((box.bound for box in self.open), "branch and cut")

    def step(self, rounds: int) -> None:
        """Bound the last box, and branch on it if it is still open."""
        state, box = self.state, self.open[-1]
        children: list[OpenBox] = []
        if not state.below(box.bound):
            state.best.nodes += 1
            alive = box.alive.copy()
            if state.kernels.tighten(state.arrays, alive):
                children = self._children(OpenBox(box.bound, alive, box.leaves), rounds)
        self.open[-1:] = children

    def _children(self, box: OpenBox, rounds: int) -> list[OpenBox]:
        state, program = self.state, self.program
        bound = self._cut(box, rounds)
        if bound == -np.inf:
            return []
        self._walk(state.greatest(program.part), NODE_MOVES)
        leaves = program.open[state.model.options :]
        probe = Probe(state, program.priced(), box.alive)
        bound = min(bound, probe.bound)
        if state.below(bound) or self._dive(probe, bound) or not probe.run(bound):
            return []
        if all(probe.alive[a:b].sum() < 2 for a, b in state.slots):
            state.best.offer(state.only(probe.alive))
            return []
        parts = self._branching(probe, leaves, bound)
        program.purge()
        return [
            OpenBox(min(bound, value), part, leaves)
            for value, part in sorted(parts, key=itemgetter(0))
        ]

    def _dive(self, probe: Probe, bound: float) -> bool:
        """Whether a short search by messages closes the box."""
        dive = probe.dive(bound)
        while not dive.closed and not self.state.clock.stop():
            dive.run()
            if dive.left() > MOST_LEFT:
                break
        return dive.closed

    def _branching(self, probe: Probe, leaves: BoolArray, bound: float) -> list[Part]:
        """The two parts that promise the smallest subtrees."""

        def size(parts: list[Part]) -> float:
            return float(self.state.size(np.array([value for value, _ in parts]), bound).sum())

        undecided = [i for i, (a, b) in enumerate(self.state.slots) if probe.alive[a:b].sum() > 1]
        ways = [probe.split(i) for i in undecided]
        ranked = sorted(range(len(ways)), key=lambda i: size(ways[i]))[:LOOKS]
        telling = sorted(range(len(ways)), key=lambda i: -self.state.attribution[undecided[i]])
        ranked += [i for i in telling[:TELLING] if i not in ranked]
        looked = []
        for parts in [ways[i] for i in ranked]:
            look = [self.program.look(part, leaves, LOOK_ITERATIONS) for _, part in parts]
            looked.append([(min(value, w), part) for (value, part), w in zip(parts, look)])
        return min(looked, key=size)

    def _cut(self, box: OpenBox, rounds: int) -> float:
        """Solve, close and separate in turn; ``box`` shrinks to what is left."""
        state, program, bound = self.state, self.program, box.bound
        program.enter(box.alive, box.leaves)
        for round_ in range(rounds + 1):
            bound = min(bound, program.solve(state.clock.remaining_s))
            if state.below(bound) or not self._close(box):
                return -np.inf
            if round_ == rounds or state.clock.stop() or not program.separate():
                break
            if round_ % PURGE_EVERY:
                program.purge()
        return bound

    def _close(self, box: OpenBox) -> bool:
        """Close columns whose own bound is at most the cutoff; false if none can be left."""
        state, program = self.state, self.program
        closed = program.open & (program.own <= state.cut)
        if closed.any():
            state.below(float(program.own[closed].max()))
            K = state.model.options
            box.alive[closed[:K]] = False
            if not state.kernels.tighten(state.arrays, box.alive):
                return False
            program.shrink(box.alive, program.open[K:] & ~closed[K:])
        return True


class Probe:
    """The compiled bounds of parts of a box, from the duals of its linear program."""

    def __init__(self, state: State, duals: Priced, alive: BoolArray) -> None:
        self.state, self.constant = state, duals.constant
        self.arrays = state.arrays._replace(unary=duals.unary, value=duals.value)
        first = box(self.arrays, alive, duals.message, duals.multiplier)
        self.boxes = stack(self.arrays, first, 0).boxes
        self.first = state.kernels.at(self.boxes, 0)
        self.bound: float = state.kernels.bound_box(
            self.arrays, self.constant, self.first, state.work, state.cut, PROBE_SWEEPS
        )
        self.worth = state.work.own.copy()
        self.without = np.empty(len(state.slots))

    @property
    def alive(self) -> BoolArray:
        """Options that are left."""
        alive: BoolArray = self.first.alive
        return alive

    def dive(self, bound: float) -> Dive:
        """A search of the box by messages."""
        return Dive(self.state, self.arrays, self.constant, self.first, bound)

    def run(self, bound: float) -> bool:
        """Take every option in turn, and close those that cannot be; false if nothing is left."""
        state = self.state
        self.worth = np.minimum(self.worth, bound)
        left: bool = state.kernels.probe(
            self.arrays, self.constant, self.boxes, state.work, state.cut, PROBE_SWEEPS,
            len(state.slots), self.worth, self.without,
        )  # fmt: skip
        return left

    def split(self, slot: int) -> list[Part]:
        """The part with the most promising option of the slot, and the part without it."""
        a, b = self.state.slots[slot]
        options = np.flatnonzero(self.alive[a:b]) + a
        best = options[np.argmax(self.worth[options])]
        first, rest = self.alive.copy(), self.alive.copy()
        first[a:b] = False
        first[best], rest[best] = True, False
        without = min(self.without[slot], self.worth[options[options != best]].max())
        return [(float(self.worth[best]), first), (float(without), rest)]
