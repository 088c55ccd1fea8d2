"""Feasible starting points: the smallest design that the rules allow, then random repair.

Random sampling hardly ever hits a tight budget, and the published search takes a hand-made
feasible network instead. Here: the smallest width that leaves the rest of the chain a choice, the
smallest other decisions, and from there a random walk that never increases the violation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import WIDTH
from mathdesign.solvers.heuristic.moves import Moves
from mathdesign.solvers.heuristic.scoring import Index, Scoring

#: Steps of one walk, and walks (the first from the smallest design, the others from random ones).
STEPS = 4000
WALKS = 12


@dataclass(frozen=True, slots=True)
class Start:
    """A candidate, its violation (0.0: feasible) and the evaluations it took."""

    index: Index | None
    violation: float
    evaluations: int


def find_start(
    scoring: Scoring,
    moves: Moves,
    rng: Random,
    stop: Callable[[], object] = lambda: None,
    evaluations: int = STEPS * WALKS,
) -> Start:
    """A feasible candidate, or the least infeasible one met.

    ``index`` is ``None`` only where the rules alone admit no design at all. Ends after
    ``evaluations`` or when ``stop()`` is true.
    """
    chain = WidthChain(moves)
    best = Start(None, float("inf"), 0)
    spent = 0
    while spent < evaluations and not stop():
        first = chain.smallest() if spent == 0 else chain.random(rng)
        if first is None:
            return best
        walked = descend(scoring, moves, first, rng, min(STEPS, evaluations - spent), stop)
        spent += walked.evaluations
        if walked.violation < best.violation:
            best = walked
        best = Start(best.index, best.violation, spent)
        if best.violation == 0.0 or moves.frozen:
            break
    return best


def descend(
    scoring: Scoring,
    moves: Moves,
    index: Index,
    rng: Random,
    steps: int,
    stop: Callable[[], object],
) -> Start:
    """Random moves, kept unless they increase the violation."""
    violation = scoring(index)[1]
    spent = 1
    while violation > 0.0 and spent < steps and not moves.frozen:
        if spent % 256 == 0 and stop():
            break
        change = moves.mutate if rng.random() < 0.5 else moves.step
        candidate = change(index, rng)
        reached = scoring(candidate)[1]
        spent += 1
        if reached <= violation:
            index, violation = candidate, reached
    return Start(index, violation, spent)


class WidthChain:
    """Candidates that satisfy every rule (budgets ignored): a walk over reachable widths."""

    def __init__(self, moves: Moves) -> None:
        self.moves = moves
        self.problem: DesignProblem = moves.problem
        self._inner = [
            [self._completion(s, w) for w in range(len(stage.domain(WIDTH)))]
            for s, stage in enumerate(self.problem.stages)
        ]
        self._reach = self._reachable()

    def smallest(self) -> Index | None:
        """Smallest width first, stage by stage; ``None`` if the rules conflict."""
        return self._walk(lambda mask: (mask & -mask).bit_length() - 1)

    def random(self, rng: Random) -> Index | None:
        """A uniformly drawn width at each stage, among those that can be continued."""
        return self._walk(lambda mask: rng.choice(list(bits(mask))))

    def _walk(self, pick: Callable[[int], int]) -> Index | None:
        index: list[int] = []
        width = 0
        for s in range(len(self.problem.stages)):
            mask = self._reach[s] & (self._after(s, width) if s else -1)
            if mask == 0:
                return None
            width = pick(mask)
            inner = self._inner[s][width]
            assert inner is not None
            index += inner
        return tuple(index)

    def _after(self, s: int, width: int) -> int:
        """Mask of the widths of stage ``s`` allowed after ``width`` of the stage before."""
        column, other = self.problem.columns[s, WIDTH], self.problem.columns[s - 1, WIDTH]
        return self.moves.beside(column, other, width)

    def _reachable(self) -> list[int]:
        """Per stage: mask of the widths from which the end of the chain can be reached."""
        reach: list[int] = []
        for s in reversed(range(len(self.problem.stages))):
            mask = 0
            for width, inner in enumerate(self._inner[s]):
                onward = not reach or self._after(s + 1, width) & reach[-1]
                mask |= (1 << width) if inner is not None and onward else 0
            reach.append(mask)
        return reach[::-1]

    def _completion(self, s: int, width: int) -> list[int] | None:
        """The smallest other decisions of stage ``s`` beside ``width``, by depth-first search."""
        columns = [self.problem.columns[s, d.name] for d in self.problem.stages[s].decisions]
        chosen = {self.problem.columns[s, WIDTH]: width}
        order = [c for c in columns if c not in chosen]

        def extend(depth: int) -> bool:
            if depth == len(order):
                return True
            column = order[depth]
            mask = (1 << len(self.moves.domains[column])) - 1
            for other, value in chosen.items():
                mask &= self.moves.beside(column, other, value)
            for i in bits(mask):
                chosen[column] = i
                if extend(depth + 1):
                    return True
            chosen.pop(column, None)
            return False

        return [chosen[c] for c in columns] if extend(0) else None


def bits(mask: int) -> Iterator[int]:
    """Positions of the set bits, ascending."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest
