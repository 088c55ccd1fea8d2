r"""MixProblem -> multiple-choice MILP: one binary a frame, one integer an option of each group.

With :math:`u_f\in\{0,1\}`, :math:`\sum_fu_f=1` and counts :math:`m_{fgo}\in\{0,\dots,\mathrm{most}\}`:

* a group has its layers if its frame is taken,
  :math:`\mathrm{least}_{fg}\,u_f\le\sum_om_{fgo}\le\mathrm{most}_{fg}\,u_f`;
* a budget is a row a frame, :math:`(l-c_f)\,u_f\le\sum_{go}a_{fgo}m_{fgo}\le(h-c_f)\,u_f`, in integers
  (:mod:`.integers`): over all frames their sum is the budget, and each of them is tighter;
* the objective is :math:`\sum_fv_fu_f+\sum v_{fgo}m_{fgo}`;
* a distance to a point of frame :math:`f` with counts :math:`c` splits each difference,
  :math:`m_o-c_ou_f=p_o-q_o` with :math:`0\le p_o\le(\mathrm{most}-c_o)\,s_o`,
  :math:`0\le q_o\le c_o(u_f-s_o)` and binary :math:`s_o`, and asks for
  :math:`\sum_o(p_o+q_o)\ge\text{at least}\cdot u_f`. A point of another frame is no further matter.

**Validity.** Of the frames not taken all counts are 0, all rows :math:`0\le0`. Of the one that is, the
rows are those of the problem; :math:`s_o` leaves one of :math:`p_o,q_o` at 0, so that their sum is
:math:`|m_o-c_o|`. A frame of which exact integers show that one budget alone rules it out is not
taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mathdesign.programs.base import Distance, FloatArray, IntArray
from mathdesign.programs.mixes import Frame, MixProblem, option_name, stacked
from mathdesign.solvers.milp.arrays import Expression, Milp, MilpBuilder, Row
from mathdesign.solvers.milp.choice import LARGEST_COLUMNS
from mathdesign.solvers.milp.integers import conditioned


def columns_needed(problem: MixProblem) -> int:
    """The number of columns, without building anything; those of distances aside."""
    return sum(1 + sum(len(g.values) for g in frame.groups) for frame in problem.frames)


def refuses(problem: MixProblem) -> str | None:
    """Why the multiple-choice MILP is hopeless."""
    columns = columns_needed(problem)
    if columns > LARGEST_COLUMNS:
        return f"{columns:,} columns; the MILP of mixes stops at {LARGEST_COLUMNS:,}"
    return None


@dataclass(frozen=True, eq=False)
class MixMilp:
    """The program as arrays, and the way back."""

    problem: MixProblem
    milp: Milp
    frames: IntArray
    """Columns of the frames."""
    counts: tuple[IntArray, ...]
    """Columns of the counts of each frame's options, groups one after the other."""

    def invert(self, solution: FloatArray) -> tuple[int, ...]:
        """The point of an integral solution."""
        frame = int(np.argmax(solution[self.frames]))
        return (frame, *(round(float(x)) for x in solution[self.counts[frame]]))

    def embed(self, point: Sequence[int]) -> FloatArray:
        """The solution vector of a point; columns of distances are filled as they follow."""
        solution = np.zeros(self.milp.columns)
        solution[self.frames[point[0]]] = 1.0
        solution[self.counts[point[0]]] = point[1:]
        at = int(self.frames[-1]) + 1 + sum(map(len, self.counts))
        for distance in self.problem.distances:
            away = Away.of(self.problem, distance)
            if distance.point[0] == point[0]:
                solution[at : at + away.columns] = away.filled(np.array(point[1:]))
            at += away.columns
        return solution

    @property
    def names(self) -> list[str]:
        """One name per column: frames, and counts by frame, group and option."""
        names = [f"c{i}" for i in range(self.milp.columns)]
        for f, (frame, columns) in enumerate(zip(self.problem.frames, self.counts)):
            names[int(self.frames[f])] = f"frame{f}"
            options = [
                (g, o) for g, group in enumerate(frame.groups) for o in range(len(group.values))
            ]
            for (g, o), column in zip(options, columns):
                names[int(column)] = f"frame{f}_{option_name(g, o).replace('.', '_')}"
        return names

    def first_cuts(self) -> list[Row]:
        """None: the program is complete."""
        return []

    def no_good(self, milp: Milp, point: tuple[int, ...]) -> Milp:
        """``milp`` without ``point``. Raises ``ValueError`` for what is no point."""
        away = Away.of(self.problem, Distance(point))
        u = Expression.column(int(self.frames[point[0]]))
        return away.added(milp, self.counts[point[0]], u)

    def learn(self, solution: FloatArray, point: tuple[int, ...]) -> Row | None:
        """Nothing: rows and objective are those of the problem."""
        return None


@dataclass(frozen=True, eq=False)
class Away:
    """Columns and rows that keep the counts of one frame away from given ones.

    Columns: ``p`` and ``q`` (above, below) of every option, then ``s`` of those that may be both.
    """

    given: IntArray
    most: IntArray
    at_least: int

    @classmethod
    def of(cls, problem: MixProblem, distance: Distance) -> Away:
        """What keeps away from the point of ``distance``, in its frame."""
        given = [k for counts in problem.counts(distance.point) for k in counts]
        frame = problem.frames[distance.point[0]]
        return cls(np.array(given, dtype=np.int64), most_of(frame), distance.at_least)

    @property
    def both(self) -> IntArray:
        """Options whose count may be above as well as below the given one."""
        return np.flatnonzero((self.given > 0) & (self.given < self.most))

    @property
    def columns(self) -> int:
        """Number of columns."""
        return 2 * len(self.given) + len(self.both)

    def filled(self, counts: IntArray) -> FloatArray:
        """What the columns are at ``counts``."""
        above, below = counts - self.given, self.given - counts
        signs = (above > 0)[self.both]
        return np.concatenate([np.maximum(above, 0), np.maximum(below, 0), signs]).astype(float)

    def added(self, milp: Milp, counts: IntArray, taken: Expression) -> Milp:
        """``milp`` with these columns and rows; ``taken`` is 1 where the frame is, else 0."""
        n, first = len(self.given), milp.columns
        high = np.concatenate([self.most - self.given, self.given, np.ones(len(self.both))])
        integer = np.concatenate([np.zeros(2 * n), np.ones(len(self.both))]).astype(np.int64)
        wider = milp.with_columns(high.astype(np.float64), integer)
        return wider.with_rows(self.rows(counts, first, taken))

    def rows(self, counts: IntArray, first: int, taken: Expression) -> list[Row]:
        """The rows, where the columns start at ``first``."""
        n = len(self.given)
        p, q = first + np.arange(n), first + n + np.arange(n)
        rows: list[Row] = []
        for o in range(n):
            difference = Expression(np.array([counts[o], p[o], q[o]]), np.array([1.0, -1.0, 1.0]))
            rows.append((difference - taken * float(self.given[o]), 0.0, 0.0))
        for j, o in enumerate(self.both):
            sign = Expression.column(first + 2 * n + j)
            above = Expression.column(p[o]) - sign * float(self.most[o] - self.given[o])
            below = Expression.column(q[o]) - (taken - sign) * float(self.given[o])
            rows += [(above, -math.inf, 0.0), (below, -math.inf, 0.0)]
        apart = Expression(np.concatenate([p, q]), np.ones(2 * n))
        rows.append((apart - taken * float(self.at_least), 0.0, math.inf))
        return rows


def most_of(frame: Frame) -> IntArray:
    """How often each option of a frame may be taken."""
    return np.array([g.most for g in frame.groups for _ in g.values], dtype=np.int64)


def build(problem: MixProblem) -> MixMilp | None:
    """The multiple-choice MILP; ``None`` if exact integers rule every frame out."""
    return _Build(problem).run()


@dataclass(slots=True)
class _Build:
    problem: MixProblem
    out: MilpBuilder = field(default_factory=MilpBuilder)
    counts: list[IntArray] = field(default_factory=list)
    objective: Expression = field(default_factory=Expression)

    def run(self) -> MixMilp | None:
        problem, out = self.problem, self.out
        if not problem.frames:
            return None
        frames = out.add(len(problem.frames), 0, 1, integer=True)
        out.equal(Expression(frames, np.ones(len(frames))), 1)
        for f, frame in enumerate(problem.frames):
            if not self._frame(frame, int(frames[f])):
                out.high[0][f] = 0.0
        if not out.high[0].any():
            return None
        milp = out.finish(self.objective)
        for distance in problem.distances:
            f = distance.point[0]
            away, taken = Away.of(problem, distance), Expression.column(int(frames[f]))
            milp = away.added(milp, self.counts[f], taken)
        return MixMilp(problem, milp, frames, tuple(self.counts))

    def _frame(self, frame: Frame, u: int) -> bool:
        """Columns and rows of one frame; false where one budget alone rules it out."""
        columns = []
        taken = Expression.column(u)
        self.objective = self.objective + taken * frame.value
        for group in frame.groups:
            own = self.out.add(len(group.values), 0, group.most, integer=True)
            layers = Expression(own, np.ones(len(own)))
            if group.least == group.most:
                self.out.equal(layers - taken * float(group.most), 0)
            else:
                self.out.at_most(layers - taken * float(group.most), 0)
                self.out.at_most(taken * float(group.least) - layers, 0)
            self.objective = self.objective + Expression(own, group.values.astype(np.float64))
            columns.append(own)
        self.counts.append(np.concatenate([np.zeros(0, np.int64), *columns]))
        return all(
            self._budget(frame, taken, self.problem.metrics.index(b.metric), b.lower, b.upper)
            for b in self.problem.budgets
        )

    def _budget(
        self, frame: Frame, taken: Expression, metric: int, lower: int | None, upper: int | None
    ) -> bool:
        """The budget on a metric in one frame; whether counts can keep it, others ignored."""
        if not frame.groups:
            cost = int(frame.costs[metric])
            return (upper is None or cost <= upper) and (lower is None or cost >= lower)
        constant = int(frame.costs[metric])
        least, most = reached(frame, metric)
        if (upper is not None and constant + least > upper) or (
            lower is not None and constant + most < lower
        ):
            return False
        high = None if upper is None or constant + most <= upper else upper - constant
        low = None if lower is None or constant + least >= lower else lower - constant
        costs = [int(c) for c in stacked(frame)[0][:, metric]]
        row = conditioned(costs, [int(n) for n in most_of(frame)], low, high)
        if row.empty:
            return False
        total = Expression(self.counts[-1], row.coefficients)
        if row.high is not None:
            self.out.at_most(total - taken * row.most, 0)
        if row.low is not None:
            self.out.at_most(taken * row.least - total, 0)
        return True


def reached(frame: Frame, metric: int) -> tuple[int, int]:
    """The least and the greatest share of the groups of a frame in a metric, exact."""
    least = most = 0
    for group in frame.groups:
        costs = [int(c) for c in group.costs[:, metric]]
        low, high = min(costs), max(costs)
        least += low * (group.most if low < 0 else group.least)
        most += high * (group.most if high > 0 else group.least)
    return least, most
