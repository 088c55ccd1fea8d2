"""The union: a program made of others, one for each value of a decision that changes all coefficients.

The resolution of the input is a factor of every cost of a network, and where it is halved decides
which layers pay it: no monomial and no table of one program holds that. One *member* a value does:

    points      (m, x)  with  x  a point of member m
    costs       of (m, x): those of x in member m;  value and feasibility likewise

so that the size is the sum of the members' sizes and the optimum the greatest of their optima. A
member is a program of any form and carries *labels*: decisions that have one value in all of it
(``resolution`` 192). Members ask the same of their points: the same limits, metrics in common.

Two points of one member are apart as that member says; points of two members share no decision. This
module knows no solver and no network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from mathdesign.programs.base import (
    Budget,
    Distance,
    FloatArray,
    Limit,
    Point,
    Program,
    Reach,
    whole,
)


@dataclass(frozen=True, eq=False)
class Member:
    """One program of a union, and the decisions that have one value in all of it.

    ``number`` is what its points begin with: it stays where other members go.
    """

    number: int
    program: Program
    labels: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if twice := sorted(self.labels.keys() & self.program.decisions.keys()):
            raise ValueError(f"{', '.join(twice)}: a label that its own program decides")

    @cached_property
    def title(self) -> str:
        """Its labels in words: ``resolution 192``."""
        words = (f"{name} {value}" for name, value in self.labels.items())
        return ", ".join(words) or f"member {self.number}"

    @cached_property
    def decisions(self) -> Mapping[str, tuple[int, ...]]:
        """Its labels and its program's decisions."""
        labels = {name: (value,) for name, value in self.labels.items()}
        return {**labels, **self.program.decisions}


@dataclass(frozen=True, eq=False, repr=False)
class Union(Program):
    """The program over all points of ``members``; a point is ``(number of the member, *its point)``.

    Raises ``ValueError`` where there is no member, where two have one number, or where limits differ.
    """

    name: str
    members: tuple[Member, ...]

    form: ClassVar[str] = "union"

    def __post_init__(self) -> None:
        if not self.members:
            raise ValueError("a union needs at least one member")
        if len(self._by_number) < len(self.members):
            raise ValueError("members need distinct numbers")
        first = self.members[0].program
        for member in self.members[1:]:
            if member.program.limits != first.limits:
                raise ValueError(f"{member.title}: other limits than {self.members[0].title}")

    @classmethod
    def of(cls, name: str, programs: Iterable[tuple[Mapping[str, int], Program]]) -> Self:
        """The union of labelled programs, numbered as they come."""
        return cls(name, tuple(Member(k, p, labels) for k, (labels, p) in enumerate(programs)))

    @cached_property
    def _by_number(self) -> Mapping[int, Member]:
        return {member.number: member for member in self.members}

    # ---- what its members have in common ---------------------------------------------------------

    @property
    def budgets(self) -> tuple[Budget, ...]:  # type: ignore[override]
        """The budgets that all members have: those asked for, and what is inherent in each."""
        first, *others = (member.program.budgets for member in self.members)
        return tuple(b for b in first if not b.inherent or all(b in own for own in others))

    @property
    def distances(self) -> tuple[Distance, ...]:  # type: ignore[override]
        """Those of all members, their points as points of the union."""
        return tuple(
            Distance((member.number, *distance.point), distance.at_least)
            for member in self.members
            for distance in member.program.distances
        )

    @property
    def units(self) -> Mapping[str, str]:  # type: ignore[override]
        """Units of metrics, as the members tell them."""
        return {k: v for member in self.members for k, v in member.program.units.items()}

    @property
    def ceilings(self) -> tuple[Budget, ...]:  # type: ignore[override]
        """The same in all members."""
        return self.members[0].program.ceilings

    @property
    def peak_names(self) -> tuple[str, ...]:
        """The peaks that all members have, in the first one's order."""
        own = [set(member.program.peak_names) for member in self.members]
        common = set.intersection(*own)
        return tuple(name for name in self.members[0].program.peak_names if name in common)

    def peaks(self, point: Point) -> dict[str, int]:
        """Every common peak of a point, exact. Raises ``ValueError`` for what is no point."""
        program, rest = self.held(point)
        peaks = program.peaks(rest)
        return {name: peaks[name] for name in self.peak_names}

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The same in all members."""
        return self.members[0].program.limits

    @cached_property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics that all members have, in the first one's order."""
        own = [set(member.program.metric_names) for member in self.members]
        common = set.intersection(*own)
        return tuple(name for name in self.members[0].program.metric_names if name in common)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The names of all labels, in order of first appearance."""
        return tuple(dict.fromkeys(name for member in self.members for name in member.labels))

    # ---- what may be asked -----------------------------------------------------------------------

    @property
    def size(self) -> int:
        """The sum of the members' sizes."""
        return sum(member.program.size for member in self.members)

    @property
    def points(self) -> int:
        """The sum of the members' points."""
        return sum(member.program.points for member in self.members)

    def count(self) -> int:
        """The sum of what the members count."""
        return sum(member.program.count() for member in self.members)

    @property
    def uncounted(self) -> bool:
        """Whether some member does not count its rules."""
        return any(member.program.uncounted for member in self.members)

    @property
    def extent(self) -> str:
        """The number of members and what tells them apart, then how far one extends."""
        extents = list(dict.fromkeys(member.program.extent for member in self.members))
        by = f" of {' and '.join(self.labels)}" if self.labels else ""
        return f"in {len(self.members)} choices{by}, each {' or '.join(extents)}"

    @cached_property
    def decisions(self) -> Mapping[str, tuple[int, ...]]:
        """Labels first, then the members' decisions: what any member may hold there."""
        found: dict[str, set[int]] = {name: set() for name in self.labels}
        for member in self.members:
            for name, values in member.decisions.items():
                found.setdefault(name, set()).update(values)
        return {name: tuple(sorted(values)) for name, values in found.items()}

    def only(self) -> tuple[int, ...]:
        """That of the only member."""
        (member,) = self.members
        return (member.number, *member.program.only())

    def held(self, point: Point) -> tuple[Program, tuple[int, ...]]:
        """The program of a point's member, and the point there. Raises ``ValueError``."""
        number, *rest = whole(point) or (-1,)
        if number not in self._by_number:
            known = ", ".join(map(str, self._by_number))
            raise ValueError(f"no member {number}; accepted: {known}")
        return self._by_number[number].program, tuple(rest)

    def costs(self, point: Point) -> dict[str, int]:
        """Every common metric of a point, exact. Raises ``ValueError`` for what is no point."""
        program, rest = self.held(point)
        costs = program.costs(rest)
        return {name: costs[name] for name in self.metric_names}

    def value(self, point: Point) -> float:
        """The objective of a point in its member."""
        program, rest = self.held(point)
        return program.value(rest)

    def values(self, points: Sequence[Point]) -> FloatArray:
        """Member by member, each all at once."""
        found = np.zeros(len(points))
        numbers = np.array([int(point[0]) for point in points], dtype=np.int64)
        for member in self.members:
            at = np.flatnonzero(numbers == member.number)
            found[at] = member.program.values([tuple(points[k])[1:] for k in at.tolist()])
        return found

    def feasible(self, point: Point) -> bool:
        """Whether ``point`` is one, and feasible in its member."""
        return self.worth(point) is not None

    def worth(self, point: Point) -> float | None:
        """The objective of a feasible point, ``None`` of any other."""
        try:
            program, rest = self.held(point)
        except ValueError:
            return None
        return program.worth(rest)

    def measured(self, point: Point) -> dict[str, int | float]:
        """What :attr:`limits` bound, of a point."""
        program, rest = self.held(point)
        asked = {*self.metric_names, *self.peak_names, *(limit.metric for limit in self.limits)}
        return {name: v for name, v in program.measured(rest).items() if name in asked}

    def reach(self, metric: str, *, largest: bool = False) -> Reach | None:
        """The extreme of the members' extremes, where each of them answers."""
        best = Reach(None, None)
        for member in self.members:
            found = member.program.reach(metric, largest=largest)
            if found is None:
                return None
            if found.value is None or (
                best.value is not None
                and (found.value <= best.value if largest else found.value >= best.value)
            ):
                continue
            best = replace(found, point=found.point and (member.number, *found.point))
        return best

    # ---- the algebra -----------------------------------------------------------------------------

    def with_budgets(self, budgets: Iterable[Budget]) -> Self:
        """Other budgets in every member; those that are inherent in one stay there."""
        asked = tuple(budgets)
        return self._each(lambda program, _: program.with_budgets(asked))

    def without(self, *metrics: str) -> Self:
        """Without the limits on ``metrics``. Raises ``KeyError`` if there is none."""
        return self._each(lambda program, _: program.without(*metrics))

    def relimited(self, limit: Limit, *, lift: bool = False) -> Self:
        """Another bound in every member."""
        return self._each(lambda program, _: program.relimited(limit, lift=lift))

    def widened(self) -> Self:
        """Every member without budgets and distances."""
        return self._each(lambda program, _: program.widened())

    def apart_from(self, *points: Point, at_least: int = 1) -> Self:
        """Each point keeps its own member's points away; those of other members are apart from it."""
        own: dict[int, list[tuple[int, ...]]] = {}
        for point in points:
            _, rest = self.held(point)
            own.setdefault(int(point[0]), []).append(rest)
        return self._each(
            lambda program, member: program.apart_from(
                *own.get(member.number, ()), at_least=at_least
            )
        )

    def pinned(self, choices: Mapping[str, int]) -> Self:
        """The members that can hold all of it, each with its own decisions pinned.

        A member that lacks a decision cannot hold it. Raises ``ValueError`` also where each pin has
        a member and no member has all.
        """
        self._check_pins(choices, self.decisions)
        left = tuple(
            replace(member, program=member.program.pinned(own)) if own else member
            for member in self.members
            if all(value in member.decisions.get(name, ()) for name, value in choices.items())
            for own in [{k: v for k, v in choices.items() if k not in member.labels}]
        )
        if not left:
            words = " and ".join(f"{name} {value}" for name, value in choices.items())
            raise ValueError(f"{words}: each is possible, together they are not")
        return replace(self, members=left)

    def maximising(self, weights: Mapping[str, float]) -> Self:
        """The weighted sum of metrics as the objective of every member."""
        self._check_weights(weights)
        return self._each(lambda program, _: program.maximising(weights))

    def _each(self, change: Callable[..., Program]) -> Self:
        """The union of the members' programs after a change that keeps their points.

        ``change`` is given a program and its member.
        """
        members = (replace(m, program=change(m.program, m)) for m in self.members)
        return replace(self, members=tuple(members))

    def _with(self, **changes: Any) -> Self:
        named = {key: changes.pop(key) for key in ("name", "members") if key in changes}
        union = replace(self, **named)
        return union._each(lambda program, _: program._with(**changes)) if changes else union
