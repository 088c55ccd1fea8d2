"""A specification that stands for several: one for each value of a choice that changes every cost.

The words of a space say ``input: {size: [160, 192, 224]}``; what a network *is* has one size. So such
a specification is posed once for each value (:meth:`Several.members`), the programs become a
:class:`~mathdesign.programs.union.Union`, and whatever is asked of a point or a network is asked of the
member that it belongs to. A kind whose spaces have such choices stands behind :class:`Several` in the
order of classes; a specification of one member is its alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from mathdesign.programs.base import FloatArray, IntArray, Limit
from mathdesign.programs.slot_space import TableError
from mathdesign.programs.union import Union
from mathdesign.solvers.base import Solution
from mathdesign.solvers.portfolio import MEMBERS
from mathdesign.spaces.kind import Cells, Check, Kind, Lifted, NamedNetwork, Posed, Recount
from mathdesign.spaces.watch import Watch, unwatched
from mathdesign.spec.blocks import Specification
from mathdesign.spec.faults import Fault, SpecError

S = TypeVar("S", bound=Specification)
P = TypeVar("P", bound=Posed[Any])
N = TypeVar("N", bound=NamedNetwork)

Labels = Mapping[str, int]


@dataclass(frozen=True, eq=False)
class PosedUnion(Posed[Any]):
    """A specification posed once for each of its members: ``parts[k]`` is that of member ``k``."""

    program: Union
    parts: tuple[Any, ...]

    @property
    def devices(self) -> tuple[Any, ...]:
        """Whose costs are metrics of every member."""
        return tuple(getattr(self.parts[0], "devices", ()))

    def at(self, point: Sequence[int]) -> tuple[Any, tuple[int, ...]]:
        """The member of a point as it was posed, and the point there."""
        return self.parts[int(point[0])], tuple(point[1:])

    def labelled(self, labels: Labels) -> int | None:
        """The number of the member whose labels a network has; ``None``: no member's."""
        for member in self.program.members:
            own = member.decisions
            if all(value in own[name] for name, value in labels.items() if name in own):
                return member.number
        return None


class Several(Kind[S, P, N]):
    """What is done for each member, and of which member it is asked."""

    @property
    def _one(self) -> Kind[S, P, N]:
        """The kind behind this one in the order of classes, which knows one member at a time."""
        return cast("Kind[S, P, N]", super())

    def members(self, spec: S) -> Sequence[tuple[Labels, S]]:
        """Each member's labels, and its own specification: the same words, one value of each label."""
        return [({}, spec)]

    def labels(self, network: N) -> Labels:
        """What a network holds of all that labels may be about."""
        return {}

    def backends(self, spec: S) -> tuple[str, ...]:
        """Those of the members' form, and who solves them one by one."""
        found = self._one.backends(spec)
        return (*found, f"{MEMBERS}:NAME") if len(self.members(spec)) > 1 else found

    def pose(self, spec: S, watch: Watch = unwatched) -> P:
        """The union of the members' programs; of a single member its own."""
        members = self.members(spec)
        if len(members) == 1:
            return self._one.pose(members[0][1], watch)
        parts, faults = [], dict[Fault, None]()
        for _, own in members:
            try:
                parts.append(self._one.pose(own, watch))
            except SpecError as error:  # what several members lack is told once, and of all of them
                faults |= dict.fromkeys(error.faults)
        if faults:
            raise SpecError(faults)
        programs = zip([labels for labels, _ in members], [part.program for part in parts])
        return cast("P", PosedUnion(spec, Union.of(spec.name, programs), tuple(parts)))

    def network(self, posed: P, point: Sequence[int]) -> N:
        """The network of a point in its member."""
        if isinstance(posed, PosedUnion):
            posed, point = posed.at(point)
        return self._one.network(posed, point)

    def starting_point(self, posed: P, network: Any) -> tuple[int, ...] | None:
        """A point of the member that has the network's labels, else of the first."""
        if not isinstance(posed, PosedUnion):
            return self._one.starting_point(posed, network)
        number = posed.labelled(self._labels_of_any(network)) or 0
        point = self._one.starting_point(posed.parts[number], network)
        return None if point is None else (number, *point)

    def settled(self, posed: P, program: Any, solution: Solution) -> Solution:
        """What is known without solving is known of one member."""
        if isinstance(posed, PosedUnion):
            return solution
        return self._one.settled(posed, program, solution)

    def lifted(self, posed: P) -> Lifted:
        """The union of what each member lifts; a limit that some member can keep shapes no program."""
        if not isinstance(posed, PosedUnion):
            return self._one.lifted(posed)
        # As they are in the union, which may have pinned them.
        members = posed.program.members
        found = [
            self._one.lifted(replace(posed.parts[m.number], program=m.program)) for m in members
        ]
        lifted = (replace(m, program=one.program) for m, one in zip(members, found))
        program = replace(posed.program, members=tuple(lifted))
        needs: dict[Limit, int | float] = {}
        for one in found:
            for limit, least in one.needs:
                needs[limit] = min(least, needs.get(limit, least))
        holds = tuple(dict.fromkeys(metric for one in found for metric in one.holds))

        def held() -> Union:
            """Of the members that keep each such limit, or reach the least that any does."""
            able = [
                replace(m, program=one.held())
                for m, one in zip(members, found)
                if one.held is not None
                and all(own <= max(x.bound, needs[x]) for x, own in one.needs if x.metric in holds)
            ]
            return replace(program, members=tuple(able)) if able else program

        held_there = held if holds else None
        return Lifted(program, tuple(needs.items()), holds, held_there)

    def reported(self, posed: P) -> tuple[str, ...]:
        """As of the first member: all have the same."""
        return self._one.reported(posed.parts[0] if isinstance(posed, PosedUnion) else posed)

    def row_points(self, posed: P, cells: Cells) -> list[IntArray]:
        """Rows of a table are networks of one member."""
        if isinstance(posed, PosedUnion):
            names = " and ".join(posed.program.labels)
            raise TableError(f"a space with a choice of {names}; accepted: one value")
        return self._one.row_points(posed, cells)

    def parts(self, posed: P, points: IntArray) -> dict[str, FloatArray]:
        """Of one member; several add up nothing together."""
        return {} if isinstance(posed, PosedUnion) else dict(self._one.parts(posed, points))

    def in_target(self, posed: P, objective: float) -> tuple[str, float] | None:
        """As of the first member: all maximise the same."""
        return self._one.in_target(
            posed.parts[0] if isinstance(posed, PosedUnion) else posed, objective
        )

    def recheck(self, posed: P, network: N, solution: Solution) -> Recount:
        """Counted again as a network of its member."""
        if isinstance(posed, PosedUnion):
            assert solution.point is not None
            posed, point = posed.at(solution.point)
            solution = replace(solution, point=point)
        return self._one.recheck(posed, network, solution)

    def checks(self, posed: P, network: N, claimed: Recount) -> Iterator[Check]:
        """Of the member that the network says it is of."""
        if isinstance(posed, PosedUnion):
            labels = self.labels(network)
            number = posed.labelled(labels)
            if number is None:
                words = ", ".join(f"{name} {value}" for name, value in labels.items())
                yield Check("space", False, f"{words}: no choice of the space")
                return
            posed = posed.parts[number]
        yield from self._one.checks(posed, network, claimed)

    def _labels_of_any(self, network: Any) -> Labels:
        """Labels of what may be a network of another kind, which has none."""
        try:
            return self.labels(network)
        except AttributeError:
            return {}
