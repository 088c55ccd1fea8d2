"""A table of trained networks, read by its description: labels, costs, and every objective's scores.

The code that poses the program scores the rows: rows that share what the program does not decide
are posed once, with exactly the values that they take as choices, and evaluated together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mathdesign.evidence.description import DescriptionSpec, placed, specified
from mathdesign.evidence.rows import Networks, read_networks
from mathdesign.kinds import AnyKind
from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.programs.slot_space import MOST_LISTED, TableError
from mathdesign.spaces.kind import Cells, Posed
from mathdesign.spec.document import Document
from mathdesign.spec.faults import SpecError, near_miss

if TYPE_CHECKING:
    from pandas import DataFrame

#: Programs that a table may need: rows that differ in what no program decides.
MOST_PROGRAMS = 4096


@dataclass(frozen=True, eq=False)
class Trained:
    """Networks and what they reached. Labels are turned so that more is better.

    ``labels[target]`` and ``costs[budget]`` have shape ``(networks,)``; a cost is NaN where the
    table has none. ``scores[objective]`` likewise, the default objective first. ``features`` are
    the choices as numbers, shape ``(networks, choices)``.
    """

    name: str
    labels: Mapping[str, FloatArray]
    costs: Mapping[str, FloatArray]
    scores: Mapping[str, FloatArray]
    features: FloatArray
    rows: int
    """Of the table; networks that occur several times are averaged."""
    programs: int


def read_trained(spec: DescriptionSpec, document: Document, table: DataFrame) -> Trained:
    """Everything that evidence needs of a table. Raises :class:`SpecError` with every fault."""
    return trained_of(read_networks(spec, document, table))


def trained_of(networks: Networks) -> Trained:
    """As :func:`read_trained`, of networks that have been read."""
    spec = networks.spec
    scored = _scored(networks)
    scores = dict(scored.scores)
    for label, words in spec.objectives.items():
        if "column" in words:
            sign = 1 if words.get("better", "high") == "high" else -1
            scores[label] = sign * networks.mean(words["column"])
    labels = {name: networks.labels(name) for name in spec.targets}
    costs = {
        name: scored.costs[name] if budget.column is None else networks.mean(budget.column)
        for name, budget in spec.budgets.items()
    }
    features = networks.features()
    rows = len(networks.inverse)
    return Trained(spec.name, labels, costs, scores, features, rows, scored.programs)


@dataclass(frozen=True, slots=True)
class _Scored:
    scores: dict[str, FloatArray]
    costs: dict[str, FloatArray]
    programs: int


@dataclass(frozen=True, eq=False)
class Group:
    """Networks of one space; ``rows`` are their positions in the table's."""

    kind: AnyKind
    rows: list[int]
    pose: Callable[[str, Mapping[str, Any]], Posed[Any]]
    """The program under an objective: its label in messages, and its words."""
    rivals: Mapping[str, Mapping[str, Any]]
    """What may be maximised: the kind's own objectives, then the description's."""
    read: Callable[[Posed[Any]], list[IntArray]]
    known: dict[Any, list[IntArray]] = field(default_factory=dict)

    def points(self, posed: Posed[Any]) -> list[IntArray]:
        """As ``Kind.row_points``; programs of the same decisions share them."""
        key = tuple(posed.program.decisions.items())
        if key not in self.known:
            self.known[key] = self.read(posed)
        return self.known[key]

    def values(self, posed: Posed[Any]) -> FloatArray:
        """What a program over the space gives each network, shape ``(rows,)``."""
        points = self.points(posed)
        return self.means(posed, posed.program.values([p for each in points for p in each]))

    def means(self, posed: Posed[Any], values: FloatArray) -> FloatArray:
        """A value for each point, one network's after the other's, as the mean of each network."""
        lengths = [len(p) for p in self.points(posed)]
        return np.asarray(np.add.reduceat(values, np.cumsum([0, *lengths[:-1]])) / lengths)


def groups(networks: Networks) -> Iterator[Group]:
    """The networks, by what no program decides. Raises :class:`SpecError`."""
    cells, fixed = networks.cells, networks.fixed
    found: dict[Any, list[int]] = {}
    for row in range(networks.count):
        found.setdefault(tuple(cells[path][row] for path in fixed), []).append(row)
    if len(found) > MOST_PROGRAMS:
        many = f"{len(found):,} programs, one for each choice of {', '.join(fixed)}"
        fault = networks.document.fault(("rows",), many, f"at most {MOST_PROGRAMS:,}")
        raise SpecError([fault])
    for rows in found.values():
        yield _group(networks, rows)


def _group(networks: Networks, rows: list[int]) -> Group:
    spec, document, kind = networks.spec, networks.document, networks.kind
    cells = {path: [column[i] for i in rows] for path, column in networks.cells.items()}
    space = _space_of(networks, cells)

    def pose(label: str, words: Mapping[str, Any]) -> Posed[Any]:
        posed: Posed[Any] = kind.pose(specified(spec, document, space, (label, words)))
        return posed

    own = {label: words for label, words in spec.objectives.items() if "column" not in words}
    rivals = {**kind.rival_objectives(specified(spec, document, space)), **own}
    if not rivals:
        fault = document.fault(("objectives",), "nothing to maximise", "an objective")
        raise SpecError([fault])
    decided = {path: column for path, column in cells.items() if path not in networks.fixed}

    def read(posed: Posed[Any]) -> list[IntArray]:
        try:
            points: list[IntArray] = kind.row_points(posed, decided)
        except TableError as error:
            lines = str(error).splitlines()[:MOST_LISTED]
            raise SpecError([document.fault(("rows",), line, "") for line in lines]) from None
        return points

    return Group(kind, rows, pose, rivals, read)


def specification_of(networks: Networks) -> Any:
    """The specification of the space of the first network's group, with nothing to maximise."""
    space = _space_of(networks, networks.cells)
    return specified(networks.spec, networks.document, space)


def parts_of(networks: Networks) -> dict[str, FloatArray]:
    """What the default objective adds up for each network, by name; empty: it is no sum.

    The mean over a network's points, as its value is.
    """
    found: dict[str, FloatArray] = {}
    for group in groups(networks):
        label, words = next(iter(group.rivals.items()))
        posed = group.pose(label, words)
        points = np.concatenate(group.points(posed))
        for name, values in group.kind.parts(posed, points).items():
            column = found.setdefault(name, np.zeros(networks.count))
            column[group.rows] = group.means(posed, values)
    return dict(sorted(found.items()))


def _scored(networks: Networks) -> _Scored:
    """Objectives and counted budgets of every network, program by program."""
    spec, document, count = networks.spec, networks.document, networks.count
    counted = {n: b.metric for n, b in spec.budgets.items() if b.metric is not None}
    scores: dict[str, FloatArray] = {}
    costs = {name: np.zeros(count) for name in counted}
    programs = 0
    for group in groups(networks):
        programs += 1
        for label, words in group.rivals.items():
            posed = group.pose(label, words)
            scores.setdefault(label, np.zeros(count))[group.rows] = group.values(posed)
        _count(document, counted, costs, group, posed)
    return _Scored(scores, costs, programs)


def _count(
    document: Document, counted: Mapping[str, str], costs: Mapping[str, FloatArray], group: Group,
    posed: Posed[Any],
) -> None:  # fmt: skip
    """Budgets that the program counts."""
    program, points = posed.program, group.points(posed)
    for name, metric in counted.items():
        place = ("budgets", name, "metric")
        if metric not in program.metric_names:
            known = [*program.metric_names]
            fault = document.fault(place, repr(metric), ", ".join(known), near_miss(metric, known))
            raise SpecError([fault])
        if any(len(p) > 1 for p in points):
            raise SpecError([document.fault(place, "stages of unlike blocks", "a column")])
    for row, point in zip(group.rows, points):
        counts = program.costs(tuple(map(int, point[0]))) if counted else {}
        for name, metric in counted.items():
            costs[name][row] = counts[metric]


def _space_of(networks: Networks, cells: Cells) -> dict[str, Any]:
    """The space with what the rows of a group say: their values as choices, else the one value."""
    words: dict[str, Any] = {}
    for path, column in cells.items():
        if path in networks.fixed:
            words[path] = column[0][0]
        elif networks.kind.is_choice(path):
            words[path] = sorted({value for cell in column for value in cell}, key=_order)
    try:
        return placed(networks.spec.space, words)
    except KeyError as error:
        path = error.args[0]
        fault = networks.document.fault(("rows", path), repr(path), "a place in `space`")
        raise SpecError([fault]) from None


def _order(value: Any) -> tuple[bool, Any]:
    return (isinstance(value, str), value)
