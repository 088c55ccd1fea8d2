"""A whole table: from a sweep to a finished store and its files, resumed where it was left."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathdesign.extras import how_to_install
from mathdesign.spec.faults import Fault, SpecError
from mathdesign.tables.nesting import Violation, nesting_of, tightened
from mathdesign.tables.pareto import Axis, on_front
from mathdesign.tables.planning import helpers
from mathdesign.tables.request import Keys
from mathdesign.tables.runner import TableProgress, TableRun
from mathdesign.tables.store import Result, Store
from mathdesign.tables.sweep import PARETO, Sweep, SweepRow, make_sweep
from mathdesign.tables.work import Answered
from mathdesign.tables.workers import InProcess, LocalWorkers, Workers, refuse_without_guard
from mathdesign.tables.writing import Entry, table_frame, write_folder, write_table

if TYPE_CHECKING:
    from pandas import DataFrame

    from mathdesign.spec.blocks import Specification

STORE = "store.sqlite"


@dataclass(frozen=True, slots=True)
class Table:
    """What a run left: rows with results, files, broken invariants; ``complete``: none missing."""

    entries: tuple[Entry, ...]
    keys: tuple[str, ...]
    files: tuple[Path, ...]
    violations: tuple[Violation, ...]
    complete: bool
    dropped: Mapping[str, str] = field(default_factory=dict)
    """Stored results that were not what their designs say, and why: they were sought again."""

    def frame(self) -> DataFrame:
        """The table as a typed pandas frame."""
        return table_frame(self.entries, self.keys)


def build_table(
    sweep: Sweep,
    out: Path,
    *,
    title: str = "Designs",
    jobs: int = 1,
    workers: Callable[[], Workers] | None = None,
    strict: bool = False,
    html: bool = True,
    plots: Sequence[str] = (),
    files: bool = True,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[TableProgress], None] = lambda _: None,
) -> Table:
    """Solve what is missing of ``sweep`` in ``out``'s store and write the table's files.

    ``workers`` makes the place where rows are solved, ``jobs`` local processes unless given; it
    is asked only if something is missing. Raises ``SpecError`` (every fault, before anything is
    solved), ``StoreError``, ``OSError``.
    """
    faults = _front_faults(sweep)
    checked = {}
    if faults or not (out / STORE).exists():
        # Nothing is written, not even the store, where the sweep is at fault.
        try:
            checked = {id(row): spec for row, spec in sweep.validate(sweep.rows)}
        except SpecError as error:
            raise SpecError([*faults, *error.faults]) from None
    if faults:
        raise SpecError(faults)
    with Store(out / STORE) as store:
        dropped = store.drop_damaged()
        requests, nestings = _requests(sweep, store, checked)
        folders = {request: row.folder for row, request in zip(sweep.rows, requests)}
        documents = {request: row.document for row, request in zip(sweep.rows, requests)}
        store.forget(["failed"])
        complete = documents.keys() <= store.finished()
        if not complete:
            place = workers() if workers is not None else LocalWorkers(jobs)

            def written(answered: Answered) -> None:
                request = answered.result.request
                if files and answered.files:
                    write_folder(store, out, folders[request], request, answered.files)

            plan = helpers(nestings, lambda request: _takes_a_start(documents[request]))
            run = TableRun(store, place, documents, plan, strict, should_stop, on_progress, written)
            try:
                complete = run.go()
            finally:
                place.close()
        found = _finished(sweep, store, requests, out, title, html, plots, files, complete)
        return replace(found, dropped=dropped)


def design_table(
    spec: Specification | Mapping[str, Any] | str | Path,
    grid: Mapping[str, Sequence[Any]] | None = None,
    rows: Sequence[Mapping[str, Any]] | None = None,
    *,
    out: Path | str | None = None,
    jobs: int = 1,
    pareto: Sequence[str] = PARETO,
) -> DataFrame:
    """The best design for every row of a grid, as a pandas frame with typed columns.

    ``spec`` is the base: a specification, plain data, or a YAML file's path. ``grid`` maps dotted
    keys to values, ``rows`` are mappings with a ``name``. With ``out`` the table is kept there,
    resumed and written as ``mathdesign table`` does; else nothing stays. Columns and units:
    :mod:`mathdesign.tables.frame`. A row without a design has a ``status`` and a ``reason``.

    Raises ``SpecError`` with every fault. ``jobs=1`` solves in this process; with more, as for
    every program that starts processes, a script needs ``if __name__ == "__main__":`` around the
    call, else ``NoGuard`` is raised.
    """
    from mathdesign.kinds.load import read_document

    try:
        import pandas  # noqa: F401
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise ImportError(how_to_install(error), name=error.name) from error
    if isinstance(spec, str | Path):
        base = read_document(spec).data
    else:
        base = dict(spec) if isinstance(spec, Mapping) else spec.to_dict()
    sweep = make_sweep(base, grid, rows, pareto)
    if jobs > 1:
        refuse_without_guard()
    place = InProcess if jobs == 1 else None
    if out is not None:
        return build_table(sweep, Path(out), jobs=jobs, workers=place).frame()
    with tempfile.TemporaryDirectory(prefix="mathdesign-") as folder:
        return build_table(
            sweep, Path(folder), jobs=jobs, workers=place, html=False, files=False
        ).frame()


def _front_faults(sweep: Sweep) -> list[Fault]:
    """What is wrong where a metric of the front will be no column of numbers.

    Columns that every table has are told by an empty one; the metrics of a row's own program, and
    the figures of its kind, only by the row: rows are posed until all names are known.
    """
    empty = table_frame([Entry(row, "", None) for row in sweep.rows], sweep.keys)
    columns = {word: Axis.parse(word).column for word in sweep.pareto}
    own = {column for column in columns.values() if column not in empty}
    for row in sweep.rows:
        if not own:
            break
        try:
            own -= _own_columns(sweep, row)
        except SpecError:  # told with the faults of every other row
            own = set()
    told = [word for word, column in columns.items() if column in empty or column in own]
    try:
        if told:
            on_front(empty, told)
    except ValueError as error:
        found = str(error).removeprefix("pareto: ")
        return [sweep.places.fault(("pareto",), found, "columns of numbers")]
    return []


def _own_columns(sweep: Sweep, row: SweepRow) -> set[str]:
    """The columns that a row fills beside those of every table. Raises ``SpecError``."""
    from mathdesign.kinds import kind_of_spec

    ((_, spec),) = sweep.validate([row])
    kind = kind_of_spec(spec)
    return {*kind.reported(kind.pose(spec)), *kind.layout, "predicted"}


def _requests(
    sweep: Sweep, store: Store, checked: Mapping[int, Specification]
) -> tuple[list[str], dict[str, str]]:
    """Each row's request, and the nesting of every request in the table's order.

    Documents that the store has seen and answered, and rows that were ``checked`` (by identity),
    are not validated again.
    """
    keys = Keys()
    raws = [keys.key(row.raw_sha256, row.document) for row in sweep.rows]
    known = store.known_requests()
    results = store.results()
    seen = {raw for raw in raws if results.get(known.get(raw, "")) is not None}
    fresh = [(raw, row) for raw, row in zip(raws, sweep.rows) if raw not in seen]
    unchecked = sweep.validate([row for _, row in fresh if id(row) not in checked])
    specs = {**checked, **{id(row): spec for row, spec in unchecked}}
    new = {raw: specs[id(row)] for raw, row in fresh}
    hashes = {raw: keys.key(spec.content_hash(), spec.to_dict()) for raw, spec in new.items()}
    if new:
        store.remember_requests(hashes.items())
    requests = [hashes[raw] if raw in new else known[raw] for raw in raws]
    nestings = (
        {
            request: nesting_of(new[raw].to_dict()) if raw in new else results[request].nesting
            for raw, request in zip(raws, requests)
        }
        if new
        else {}
    )
    return requests, {request: text for request, text in nestings.items() if text}


def _takes_a_start(document: Mapping[str, Any]) -> bool:
    """Whether the backend chosen for a row makes use of a starting point."""
    from mathdesign.kinds import kind_of_spec
    from mathdesign.kinds.load import validated
    from mathdesign.solvers import Ability, UnsupportedProblem, choose
    from mathdesign.spec.document import Document

    try:
        spec = validated(Document("row", dict(document)))
        kind = kind_of_spec(spec)
        chosen = choose(kind.pose(spec).program, spec.solve.backend).backend
    except (SpecError, UnsupportedProblem, KeyError, ValueError):
        return False
    return kind.starts and {Ability.PROVES, Ability.WARM_START} <= chosen.abilities


def _finished(
    sweep: Sweep, store: Store, requests: Sequence[str], out: Path, title: str,
    html: bool, plots: Sequence[str], files: bool, complete: bool,
) -> Table:  # fmt: skip
    """Nested bounds, the invariant, the files."""
    every = store.results()
    results: dict[str, Result] = {r: every[r] for r in requests if r in every}
    results, violations = tightened(results)
    entries = tuple(
        Entry(row, request, results.get(request)) for row, request in zip(sweep.rows, requests)
    )
    written: list[Path] = []
    if files:
        written = write_table(
            store, out, entries, sweep.keys, sweep.pareto, title=title, html=html, plots=plots
        )
    return Table(entries, sweep.keys, tuple(written), tuple(violations), complete)
