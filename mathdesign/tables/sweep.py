"""A sweep: one base specification, a grid and explicit rows -> the requests of a table.

A *key* is a dotted path into the base document (``budgets.macs``); a *row* sets some keys. Every
row is a complete specification, validated before anything is solved: faults are reported once,
at the place in the sweep that caused them, else at their place in the base.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mathdesign.files import folder_name
from mathdesign.kinds.load import PREDICTOR, place_files, placed, read_document, validated
from mathdesign.spec.blocks import Specification
from mathdesign.spec.document import Document, data_faults
from mathdesign.spec.document import Path as Place
from mathdesign.spec.faults import Fault, SpecError, near_miss, quoted
from mathdesign.spec.recognise import SPECIFICATION, SWEEP, instead, what
from mathdesign.tables.pareto import Axis

KEYS = ("version", "base", "grid", "rows", "pareto")
PARETO = ("macs", "objective")
#: A grid with more rows than this is a slip of the pen.
MOST_ROWS = 1_000_000
MOST_VALUES = 10_000_000
#: Names in a table's folder that no row's folder may take.
RESERVED = (
    "table.parquet", "table.csv", "table.md", "report.html", "pareto.png", "pareto.svg",
    "store.sqlite", "store.sqlite-wal", "store.sqlite-shm", "store.sqlite-journal",
)  # fmt: skip
#: The key of a grid or a row that names a predictor's folder.
PREDICTED_BY = "objective.predictor"
#: So many rows of a sweep with faults of its own are looked at.
MOST_TRIED = 200


@dataclass(frozen=True, slots=True)
class SweepRow:
    """One request: its name, what it sets, its folder, and its whole document as plain data.

    The document keeps the base's name: a row that is only renamed asks for nothing new.
    """

    name: str
    settings: Mapping[str, Any]
    folder: str
    document: Mapping[str, Any]
    number: int | None = None
    """Its place in `rows:`; ``None`` where the grid makes it."""

    @property
    def raw_sha256(self) -> str:
        """SHA-256 of the document as it was written."""
        text = json.dumps(self.document, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Sweep:
    """The rows of a table in order, the keys that any of them sets, the metrics of its front.

    ``base`` and ``places`` serve the messages: the base's document, and where in ``file`` each
    row's settings stand.
    """

    file: str
    rows: tuple[SweepRow, ...]
    keys: tuple[str, ...]
    pareto: tuple[str, ...]
    base: Document
    places: Document

    def validate(self, rows: Iterable[SweepRow]) -> list[tuple[SweepRow, Specification]]:
        """Each row with its specification.

        Raises :class:`SpecError` with every distinct fault of all rows at once.
        """
        found: list[tuple[SweepRow, Specification]] = []
        faults: dict[tuple[Any, ...], Fault] = {}
        for row in rows:
            document = Document(self.base.file, dict(row.document), self.base.positions)
            try:
                found.append((row, validated(document)))
            except SpecError as error:
                for fault in error.faults:
                    placed = self._placed(row, fault)
                    identity = (placed.file, placed.line, placed.path, placed.found)
                    faults.setdefault(identity, placed)
        if faults:
            raise SpecError(faults.values())
        return found

    def _placed(self, row: SweepRow, fault: Fault) -> Fault:
        """The fault at the setting that caused it, else at the row unless the base has it too."""
        where: Place = ("grid",) if row.number is None else ("rows", row.number)
        path = f"{row.name}: {fault.path}"
        for key in row.settings:
            inside = fault.path == key or fault.path.startswith((key + ".", key + "["))
            if inside or key.startswith(fault.path + "."):
                return replace(self._at((*where, key), fault), path=path)
        if (fault.path, fault.found) in self._base_faults:
            return replace(fault, path=path)
        return replace(self._at(where, fault), path=path)

    def _at(self, place: Place, fault: Fault) -> Fault:
        return self.places.fault(place, fault.found, fault.accepted, fault.suggestion)

    @cached_property
    def _base_faults(self) -> set[tuple[str, str]]:
        """The path and the finding of what is wrong with the base alone."""
        try:
            validated(Document(self.base.file, dict(self.base.data), self.base.positions))
        except SpecError as error:
            return {(fault.path, fault.found) for fault in error.faults}
        return set()


def load_sweep(path: Path | str, *, allow_outside: bool = False) -> Sweep:
    """The sweep in a YAML file.

    ``base:`` names a file relative to the sweep's folder, inside it unless ``allow_outside``.
    Raises :class:`SpecError` with every fault of the sweep (rows are validated by
    :meth:`Sweep.validate`).
    """
    places = read_document(path)
    _place_predictors(places.data, Path(path).parent)
    return _sweep(places, Path(path).parent, allow_outside)


def _place_predictors(data: dict[str, Any], folder: Path) -> None:
    """Predictors that a sweep names lie beside it, as a specification's beside the specification."""
    grid, rows = data.get("grid"), data.get("rows")
    place_files(data.get("base"), folder)
    if isinstance(grid, dict) and isinstance(grid.get(PREDICTED_BY), list):
        grid[PREDICTED_BY] = [placed(words, folder, PREDICTOR) for words in grid[PREDICTED_BY]]
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and PREDICTED_BY in row:
            row[PREDICTED_BY] = placed(row[PREDICTED_BY], folder, PREDICTOR)


def make_sweep(
    base: Mapping[str, Any],
    grid: Mapping[str, Sequence[Any]] | None = None,
    rows: Sequence[Mapping[str, Any]] | None = None,
    pareto: Sequence[str] = PARETO,
) -> Sweep:
    """The sweep of a base given as plain data; see :func:`load_sweep`."""
    data = {
        "base": dict(base),
        "grid": {key: list(values) for key, values in (grid or {}).items()},
        "rows": [dict(row) for row in rows or ()],
        "pareto": list(pareto),
    }
    return _sweep(Document("<grid>", data), Path(), False)


def _sweep(places: Document, folder: Path, allow_outside: bool) -> Sweep:
    data = places.data
    if other := instead(data, SWEEP):
        raise SpecError([places.fault((), other, SWEEP)])
    hostile = [places.fault(*fault) for fault in data_faults(data, most_nodes=MOST_VALUES)]
    if hostile:
        raise SpecError(hostile)
    faults = [*places.faults, *_faults(places)]
    base = Document(places.file)
    try:
        base = _base(places, folder, allow_outside)
        if base.file != places.file:
            faults += base.faults
        if other := instead(base.data, SPECIFICATION):
            faults.append(places.fault(("base",), other, SPECIFICATION))
    except SpecError as error:
        faults += error.faults
    if faults:
        raise SpecError([*faults, *_of_sound_rows(places, base)])
    grid: dict[str, list[Any]] = data.get("grid") or {}
    explicit: list[dict[str, Any]] = data.get("rows") or []
    rows = tuple(_rows(base.data, grid, explicit))
    keys = tuple(dict.fromkeys(key for row in rows for key in row.settings))
    pareto = tuple(data.get("pareto") or PARETO)
    return Sweep(places.file, rows, keys, pareto, base, places)


def _of_sound_rows(places: Document, base: Document) -> Sequence[Fault]:
    """Faults of the rows that the sound part of a sweep at fault states; some rows stand for many."""
    data = places.data
    if not isinstance(base.data, dict) or what(base.data) != SPECIFICATION:
        return ()
    grid = {
        key: values
        for key, values in (data["grid"].items() if isinstance(data.get("grid"), dict) else ())
        if isinstance(values, list) and values and not _key_problem(key)
    }
    explicit = [
        (number, row)
        for number, row in enumerate(data["rows"] if isinstance(data.get("rows"), list) else ())
        if isinstance(row, dict)
        and _is_word(row.get("name"))
        and not any(_key_problem(key) for key in row if key != "name")
    ]
    one_by_one: list[tuple[int | None, Mapping[str, Any]]] = [(None, {"name": "base"}), *explicit]
    one_by_one += [
        (None, {"name": _part(key, value), key: value})
        for key, values in grid.items()
        for value in values
    ]
    tried = one_by_one[:MOST_TRIED]
    made = _rows(base.data, {}, [settings for _, settings in tried])
    rows = tuple(replace(row, number=number) for row, (number, _) in zip(made, tried))
    keys = tuple(dict.fromkeys(key for row in rows for key in row.settings))
    try:
        Sweep(places.file, rows, keys, PARETO, Document(base.file, base.data, base.positions), places
              ).validate(rows)  # fmt: skip
    except SpecError as error:
        return error.faults
    return ()


def _faults(places: Document) -> Iterator[Fault]:
    """What is wrong with the sweep itself."""
    data = places.data
    for key in data:
        if key not in KEYS:
            found = f"unknown key {quoted(key)}"
            yield places.fault((key,), found, ", ".join(KEYS), near_miss(str(key), KEYS))
    if data.get("version", 1) != 1 or isinstance(data.get("version"), bool):
        yield places.fault(("version",), quoted(data["version"]), "1")
    grid, rows = data.get("grid") or {}, data.get("rows") or []
    if not grid and not rows:
        yield places.fault((), "neither `grid:` nor `rows:`", "at least one of them")
    yield from _grid_faults(places, grid)
    yield from _row_faults(places, rows)
    pareto = data.get("pareto", list(PARETO))
    if not (isinstance(pareto, list) and len(pareto) >= 2 and all(map(_is_word, pareto))):
        yield places.fault(("pareto",), quoted(pareto), "a list of at least two metrics")
        return
    for metric in pareto:
        try:
            Axis.parse(metric)
        except ValueError as error:
            yield places.fault(("pareto",), quoted(metric), str(error))


def _grid_faults(places: Document, grid: Any) -> Iterator[Fault]:
    if not isinstance(grid, dict):
        yield places.fault(("grid",), quoted(grid), "keys with lists, e.g. budgets.macs: [100M]")
        return
    for key, values in grid.items():
        if not (isinstance(values, list) and values):
            yield places.fault(("grid", key), quoted(values), "a list of at least one value")
        elif len({json.dumps(v, sort_keys=True, default=str) for v in values}) < len(values):
            yield places.fault(("grid", key), "a value twice", "each value once")
        if problem := _key_problem(key):
            yield places.fault(("grid", key), quoted(key), problem)
    size = math.prod(len(v) for v in grid.values() if isinstance(v, list))
    if size > MOST_ROWS:
        yield places.fault(("grid",), f"{size:,} rows", f"at most {MOST_ROWS:,}")


def _row_faults(places: Document, rows: Any) -> Iterator[Fault]:
    if not isinstance(rows, list):
        yield places.fault(("rows",), quoted(rows), "a list of rows")
        return
    names: set[str] = set()
    for index, row in enumerate(rows):
        at: Place = ("rows", index)
        if not isinstance(row, dict) or not isinstance(row.get("name"), str) or not row["name"]:
            yield places.fault(at, quoted(row), "a mapping with a `name`")
            continue
        if row["name"] in names:
            yield places.fault((*at, "name"), f"the name {quoted(row['name'])} twice", "once")
        names.add(row["name"])
        for key in row:
            if key != "name" and (problem := _key_problem(key)):
                yield places.fault((*at, key), quoted(key), problem)


def _is_word(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _key_problem(key: Any) -> str:
    """What is accepted instead of ``key``, empty if it can be set."""
    if not isinstance(key, str) or not re.fullmatch(r"\w+(\.\w+)*", key):
        return "a dotted path such as budgets.macs"
    return "rows are named by `name:` of `rows:`" if key == "name" else ""


def _base(places: Document, folder: Path, allow_outside: bool) -> Document:
    """The base's document. Raises :class:`SpecError`."""
    base = places.data.get("base")
    if isinstance(base, dict):
        inside = {path[1:]: at for path, at in places.positions.items() if path[:1] == ("base",)}
        return Document(places.file, base, inside)
    if not _is_word(base):
        accepted = "a specification's file name, or a specification"
        raise SpecError([places.fault(("base",), quoted(base), accepted)])
    if "\0" in base:
        raise SpecError([places.fault(("base",), quoted(base), "a file name")])
    target = (folder / base).resolve()
    if not allow_outside and not target.is_relative_to(folder.resolve()):
        accepted = "a file in the sweep's folder (or allow it: --allow-outside)"
        raise SpecError([places.fault(("base",), quoted(base), accepted)])
    return read_document(target, name=str(folder / base))


def _rows(
    base: Mapping[str, Any],
    grid: Mapping[str, Sequence[Any]],
    explicit: Sequence[Mapping[str, Any]],
) -> Iterator[SweepRow]:
    """The grid's product, the last key fastest, then the explicit rows."""
    products = itertools.product(*grid.values()) if grid else ()
    wanted: list[tuple[int | None, str | None, dict[str, Any]]] = [
        (None, None, dict(zip(grid, values))) for values in products
    ]
    wanted += [
        (n, r["name"], {k: v for k, v in r.items() if k != "name"}) for n, r in enumerate(explicit)
    ]
    taken = set(RESERVED)
    for number, name, settings in wanted:
        words = name if name is not None else "_".join(_part(k, v) for k, v in settings.items())
        folder = folder_name(words, taken)
        document = dict(base)
        for key, value in settings.items():
            _set(document, key.split("."), value)
        yield SweepRow(words, settings, folder, document, number)


def _part(key: str, value: Any) -> str:
    """A setting in a row's name: ``macs-100M``; the family alone."""
    last = key.rpartition(".")[2]
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    text = text.replace(" ", "")
    return text if last == "family" else f"{last}-{text}"


def _set(document: dict[str, Any], parts: Sequence[str], value: Any) -> None:
    """Set a nested key; mappings on the way are copied, so that rows share nothing they change."""
    here = document
    for part in parts[:-1]:
        inner = here.get(part)
        here[part] = dict(inner) if isinstance(inner, Mapping) else {}
        here = here[part]
    here[parts[-1]] = copy.deepcopy(value)
