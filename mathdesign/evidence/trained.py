"""A table of trained networks, read by its description: labels, costs, and every objective's scores.

The code that poses the program scores the rows: rows that share what the program does not decide
are posed once, with exactly the values that they take as choices, and evaluated together.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mathdesign.evidence.description import DescriptionSpec, placed
from mathdesign.kinds import AnyKind, kind_of
from mathdesign.kinds.load import validated
from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.programs.slot_space import MOST_LISTED, TableError
from mathdesign.spaces.kind import Cells, Posed
from mathdesign.spec.document import Document
from mathdesign.spec.faults import Fault, SpecError, near_miss
from mathdesign.surrogate.reading import numbers_of

if TYPE_CHECKING:
    from pandas import DataFrame

#: So few networks say nothing.
FEWEST = 3
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


@dataclass(frozen=True, eq=False)
class Networks:
    """The distinct networks of a table, before anything is scored: cells as ``Kind`` reads them."""

    spec: DescriptionSpec
    document: Document
    kind: AnyKind
    cells: Cells
    inverse: IntArray
    """Which network each row of the table is."""
    numbers: Mapping[str, FloatArray]
    """Columns of targets, budgets and objectives, by row of the table."""

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.inverse.max()) + 1

    def mean(self, column: str) -> FloatArray:
        """A column, averaged over the rows of each network."""
        values = np.bincount(self.inverse, self.numbers[column])
        return np.asarray(values / np.bincount(self.inverse))

    def labels(self, target: str) -> FloatArray:
        """What the networks reached, turned so that more is better."""
        about = self.spec.targets[target]
        return (1 if about.better == "high" else -1) * self.mean(about.column or target)

    @functools.cached_property
    def fixed(self) -> list[str]:
        """The words that no program decides; without `rows:` columns are slots, all decided."""
        return [p for p in self.cells if self.spec.rows and not self.kind.is_choice(p)]


def read_networks(spec: DescriptionSpec, document: Document, table: DataFrame) -> Networks:
    """The networks of a table. Raises :class:`SpecError` with every fault."""
    _refuse(list(_missing(spec, document, table)))
    for column, value in spec.where.items():
        said = [str(_value(cell)) == str(value) for cell in table[column].tolist()]
        table = table[np.array(said, dtype=bool)]
    numbers, faults = _numbers(spec, document, table)
    if len(table) < FEWEST:
        place = ("where",) if spec.where else ("table",)
        faults.append(document.fault(place, f"{len(table)} rows", f"at least {FEWEST}"))
    _refuse(faults)
    kind, cells = _cells(spec, document, table)
    unique, inverse = _distinct(cells, len(table))
    cells = {path: [column[i] for i in unique] for path, column in cells.items()}
    return Networks(spec, document, kind, cells, inverse, numbers)


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
    features = _features(networks.cells, networks.count)
    rows = len(networks.inverse)
    return Trained(spec.name, labels, costs, scores, features, rows, scored.programs)


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise SpecError(faults)


def _missing(spec: DescriptionSpec, document: Document, table: DataFrame) -> Iterator[Fault]:
    known = [*map(str, table.columns)]
    for place, column in spec.columns():
        if column not in known:
            accepted = f"a column of the table: {', '.join(known[:12])}"
            yield document.fault(place, repr(column), accepted, near_miss(column, known))


def _numbers(
    spec: DescriptionSpec, document: Document, table: DataFrame
) -> tuple[dict[str, FloatArray], list[Fault]]:
    """The columns of targets, budgets and objectives; an empty cell of a budget is NaN."""
    found: dict[str, FloatArray] = {}
    faults = []
    for place, column in spec.columns():
        if place[0] in ("rows", "values", "where") or column in found:
            continue
        try:
            if place[0] == "budgets":
                cells = [str(cell).strip() for cell in table[column]]
                filled = np.array([cell not in ("", "nan") for cell in cells], dtype=bool)
                values = np.full(len(table), np.nan)
                values[filled] = numbers_of(table[filled], column)
            else:
                values = numbers_of(table, column)
        except TableError as error:
            faults += [document.fault(place, line, "") for line in str(error).splitlines()]
            continue
        found[column] = values
    return found, faults


# ---- rows ----------------------------------------------------------------------------------------


def _cells(
    spec: DescriptionSpec, document: Document, table: DataFrame
) -> tuple[AnyKind, dict[str, list[tuple[Any, ...]]]]:
    kind = kind_of({"space": spec.space})
    rows: dict[str, Any] = dict(spec.rows)
    if not rows:
        shell = _validated(spec, document, spec.space, None)
        rows = dict(kind.row_words(shell))
        gone = [c for c in rows.values() if c not in table]
        if gone or not rows:
            found = f"no columns {', '.join(gone[:8])}" if gone else "nothing"
            raise SpecError([document.fault(("rows",), found, "word of the space: column")])
    table, unknown = _translated(spec, document, table)
    _refuse(unknown)
    cells = {path: _column(table, given) for path, given in rows.items()}
    _refuse(
        [
            document.fault(("rows", path), f"row {empty[0]}: an empty cell", "a value in each row")
            for path, column in cells.items()
            if (empty := [i for i, cell in enumerate(column, 1) if not cell or "" in cell])
        ]
    )
    return kind, cells


def _translated(
    spec: DescriptionSpec, document: Document, table: DataFrame
) -> tuple[DataFrame, list[Fault]]:
    """The table with what its cells stand for, and faults: cells that stand for nothing."""
    faults = []
    columns = {}
    for column, values in spec.values.items():
        cells = [str(_value(cell)) for cell in table[column].tolist()]
        wrong = [i for i, cell in enumerate(cells, 1) if cell not in values]
        if wrong:
            found, accepted = f"row {wrong[0]}: {cells[wrong[0] - 1]!r}", ", ".join(values)
            faults.append(document.fault(("values", column), found, accepted))
        columns[column] = [values.get(cell) for cell in cells]
    return table.assign(**columns), faults


def _column(table: DataFrame, given: str | Sequence[str]) -> list[tuple[Any, ...]]:
    """Cells of one column, taken apart at blanks; of several, one column a block."""
    if not isinstance(given, str):
        columns = [table[name].tolist() for name in given]
        return [tuple(map(_value, cells)) for cells in zip(*columns)]
    return [
        tuple(map(_value, str(cell).split())) if isinstance(cell, str) else (_value(cell),)
        for cell in table[given].tolist()
    ]


def _value(cell: Any) -> Any:
    """A cell as a YAML file would have it: whole numbers as such, words as words."""
    if isinstance(cell, str):
        try:
            number = float(cell)
        except ValueError:
            return {"true": True, "false": False}.get(cell.lower(), cell)
        cell = number
    if isinstance(cell, float | np.floating):
        return int(cell) if float(cell).is_integer() else float(cell)
    return cell.item() if isinstance(cell, np.generic) else cell


def _distinct(cells: Cells, count: int) -> tuple[list[int], IntArray]:
    """The first row of each distinct network, and which network each row is."""
    columns = list(cells.values())
    seen: dict[Any, int] = {}
    first: list[int] = []
    inverse = np.zeros(count, dtype=np.int64)
    for row in range(count):
        key = tuple(column[row] for column in columns)
        if key not in seen:
            seen[key] = len(first)
            first.append(row)
        inverse[row] = seen[key]
    return first, inverse


def _features(cells: Cells, count: int) -> FloatArray:
    """Every choice as numbers: one column a block, words as one column each."""
    columns: list[FloatArray] = []
    for column in cells.values():
        for block in range(max(map(len, column))):
            values = [cell[block] if block < len(cell) else None for cell in column]
            if all(isinstance(v, int | float) or v is None for v in values):
                columns.append(np.array([np.nan if v is None else float(v) for v in values]))
            else:
                words = sorted({str(v) for v in values})
                columns += [np.array([float(str(v) == w) for v in values]) for w in words]
    return np.stack(columns, axis=1) if columns else np.zeros((count, 0))


# ---- scores --------------------------------------------------------------------------------------


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
        posed: Posed[Any] = kind.pose(_validated(spec, document, space, (label, words)))
        return posed

    own = {label: words for label, words in spec.objectives.items() if "column" not in words}
    rivals = {**kind.rival_objectives(_validated(spec, document, space, None)), **own}
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
    return _validated(networks.spec, networks.document, space, None)


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


def _validated(
    spec: DescriptionSpec, document: Document, space: Mapping[str, Any],
    objective: tuple[str, Mapping[str, Any]] | None,
) -> Any:  # fmt: skip
    """The specification of a space and an objective; faults stand where the description says it."""
    data: dict[str, Any] = {"version": 1, "name": spec.name, "space": space}
    data |= {} if spec.at is None else {"at": spec.at}
    data |= {} if spec.counting is None else {"counting": spec.counting}
    positions = {p: at for p, at in document.positions.items() if p[:1] in (("space",), ("at",))}
    if objective is not None:
        label, words = objective
        data["objective"] = dict(words)
        own = ("objectives", label)
        positions |= {
            ("objective", *p[2:]): at for p, at in document.positions.items() if p[:2] == own
        }
    return validated(Document(document.file, data, positions), aimless=objective is None)
