"""The design problem: a chain of stages as a program (:mod:`.base` says what a program is)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from mathdesign.programs.base import FloatArray, IntArray, Limit, Point, Program, Reach, whole
from mathdesign.programs.evaluate import Evaluator, Scores
from mathdesign.programs.reach import count, extreme, least_effectiveness
from mathdesign.programs.stages import PREV, WIDTH, Chain, Decision, Derived, Objective, Stage

EFFECTIVENESS = "effectiveness"
"""The real-valued limit of a chain, beside its integer budgets."""


@dataclass(frozen=True, eq=False, repr=False)
class DesignProblem(Chain, Program):
    """The whole program. Immutable; every backend reads it and none changes it.

    A decision is called ``stage.decision`` (``stage2.width``), and a point holds its value.
    """

    form: ClassVar[str] = "chain"

    @property
    def size(self) -> int:
        """Number of points of the Cartesian product (rules and budgets ignored)."""
        return int(np.prod([stage.choices for stage in self.stages], dtype=object))

    def count(self) -> int:
        """Number of points that keep the rules, by a dynamic program."""
        return count(self)

    @property
    def extent(self) -> str:
        """The number of stages."""
        return f"in {len(self.stages)} stages"

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics, in order of first appearance."""
        return self.metrics

    @property
    def decisions(self) -> Mapping[str, tuple[int, ...]]:
        """``stage.decision`` -> its domain."""
        return {self._called(s, name): self.stages[s].domain(name) for s, name in self.variables}

    @cached_property
    def evaluator(self) -> Evaluator:
        """The vectorised evaluator of this program."""
        return Evaluator(self)

    def costs(self, point: Point) -> dict[str, int]:
        """Every metric of a point, exact. Raises ``ValueError`` for what is no point."""
        metrics = self.evaluator.metrics(self._array(point))
        return {name: int(values[0]) for name, values in metrics.items()}

    def peaks(self, point: Point) -> dict[str, int]:
        """Every peak of a point, exact. Raises ``ValueError`` for what is no point."""
        return {name: int(values[0]) for name, values in self.scores(point).peaks.items()}

    def value(self, point: Point) -> float:
        """The objective of a point."""
        return float(self.scores(point).objective[0])

    def values(self, points: Sequence[Point]) -> FloatArray:
        """All at once, by the vectorised evaluator; whether they are points is not checked."""
        rows = np.array(points, dtype=np.int64).reshape(-1, len(self.variables))
        return self.evaluator(rows).objective if len(rows) else np.zeros(0)

    def feasible(self, point: Point) -> bool:
        """Whether ``point`` keeps domains, rules, budgets, ceilings, effectiveness, distances."""
        return self.worth(point) is not None

    def worth(self, point: Point) -> float | None:
        """The objective of a feasible point, ``None`` of any other: evaluated once."""
        try:
            scores = self.scores(point)
        except ValueError:
            return None
        return float(scores.objective[0]) if scores.feasible[0] else None

    def scores(self, point: Point) -> Scores:
        """Everything about one point. Raises ``ValueError`` for what is no point."""
        return self.evaluator(self._array(point))

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The budgets, and the limit on effectiveness if there is one."""
        rule = self.effectiveness
        return super().limits + (() if rule is None else (Limit(EFFECTIVENESS, "max", rule.limit),))

    def measured(self, point: Point) -> dict[str, int | float]:
        """Metrics and peaks, and the effectiveness where it is limited."""
        found = super().measured(point)
        if self.effectiveness is not None:
            found[EFFECTIVENESS] = float(self.scores(point).effectiveness[0])
        return found

    def reach(self, metric: str, *, largest: bool = False) -> Reach | None:
        """A shortest path along the chain (:mod:`.reach`): exact, inherent budgets and distances
        aside; an answer where its point keeps those.
        """
        if metric == EFFECTIVENESS and self.effectiveness is not None:
            bounded = any(b.inherent for b in self.budgets) or self.distances
            return None if largest or bounded else Reach(least_effectiveness(self), None)
        self._known([metric], (*self.metrics, *self.peak_names), "metric")
        found = extreme(self, metric, largest=largest)
        return Reach(None, None) if found is None else self._kept(Reach(found.value, found.point))

    def without(self, *metrics: str) -> Self:
        """The program without the limits on ``metrics``, effectiveness among them."""
        lifted = EFFECTIVENESS in metrics and self.effectiveness is not None
        program = replace(self, effectiveness=None) if lifted else self
        return super(DesignProblem, program).without(
            *(m for m in metrics if not (lifted and m == EFFECTIVENESS))
        )

    def relimited(self, limit: Limit, *, lift: bool = False) -> Self:
        """Another bound, of effectiveness as well."""
        if limit.metric != EFFECTIVENESS or self.effectiveness is None:
            return super().relimited(limit, lift=lift)
        moved = None if lift else replace(self.effectiveness, limit=float(limit.bound))
        return replace(self, effectiveness=moved)

    def pinned(self, choices: Mapping[str, int]) -> Self:
        """Domains of one value where ``choices`` say so; rules and derived symbols follow."""
        decisions = self.decisions
        self._check_pins(choices, decisions)
        keep = {
            variable: [
                i
                for i, value in enumerate(decisions[self._called(*variable)])
                if choices.get(self._called(*variable), value) == value
            ]
            for variable in self.variables
        }
        stages = tuple(_kept_stage(stage, s, keep) for s, stage in enumerate(self.stages))
        rules = tuple(
            replace(
                rule,
                allowed=rule.allowed[
                    np.ix_(keep[rule.first_stage, rule.first], keep[rule.second_stage, rule.second])
                ],
            )
            for rule in self.rules
        )
        return replace(self, stages=stages, rules=rules)

    def maximising(self, weights: Mapping[str, float]) -> Self:
        """The weighted sum of metrics as the objective."""
        self._check_weights(weights)
        return replace(self, objective=Objective(metric_weights=tuple(weights.items())))

    def _called(self, stage: int, decision: str) -> str:
        return f"{self.stages[stage].name}.{decision}"

    def _array(self, point: Point) -> IntArray:
        values = whole(point)
        if len(values) != len(self.variables):
            raise ValueError(f"a point has {len(self.variables)} values, found {len(values)}")
        for (s, name), value in zip(self.variables, values):
            if value not in (domain := self.stages[s].domain(name)):
                raise ValueError(f"{self._called(s, name)}: found {value}, accepted: {domain}")
        return np.array(values, dtype=np.int64)


def _kept_stage(stage: Stage, index: int, keep: Mapping[tuple[int, str], list[int]]) -> Stage:
    """``stage`` with only the values at the positions in ``keep``."""
    entering = {PREV: keep[index - 1, WIDTH] if index else [0]}
    own = entering | {d.name: keep[index, d.name] for d in stage.decisions}
    decisions = tuple(
        Decision(d.name, tuple(d.values[i] for i in keep[index, d.name])) for d in stage.decisions
    )
    derived = tuple(
        Derived(d.name, d.source, tuple(d.values[i] for i in keep[index, d.source]))
        for d in stage.derived
    )
    tables = tuple(table.kept(own) for table in stage.tables)
    return replace(stage, decisions=decisions, derived=derived, tables=tables)
