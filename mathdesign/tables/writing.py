"""The files of a table: Parquet, CSV, Markdown, pictures, the page, one folder a row.

CSV and Markdown hold nothing that varies between runs: the same rows give the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathdesign.files import MANIFEST, digest_of, noted_in, remove_ours, write_atomic
from mathdesign.spec.blocks import in_bytes
from mathdesign.spec.quantities import InBytes, count, seconds, share, size_bytes
from mathdesign.tables.frame import COLUMNS, VARYING, make_frame
from mathdesign.tables.page import MORE_FILES, ROW_FILES, write_page
from mathdesign.tables.plots import draw_pareto
from mathdesign.tables.store import Result, Store
from mathdesign.tables.sweep import SweepRow
from mathdesign.tables.work import files_of

if TYPE_CHECKING:
    from pandas import DataFrame

TABLE_FILES = ("table.parquet", "table.csv", "table.md")
#: A cell that begins with one of these is a formula to a spreadsheet (OWASP, CSV injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r")
PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the table with its request and its result, if it has one."""

    row: SweepRow
    request: str
    result: Result | None


def table_frame(entries: Sequence[Entry], keys: Sequence[str]) -> DataFrame:
    """The table as a frame; see :mod:`mathdesign.tables.frame` for its columns."""
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for entry in entries:
        result = entry.result
        designed = result is not None and result.objective is not None
        own = {
            "name": entry.row.name,
            "status": result.status if result else PENDING,
            "reason": result.reason if result else "",
            "request_sha256": entry.request,
            "folder": entry.row.folder if designed else None,
        }
        for name in COLUMNS:
            columns[name].append(own[name] if name in own else getattr(result, name, None))
    settings = [_in_units(entry.row.settings) for entry in entries]
    metrics = [dict(entry.result.metrics) if entry.result else {} for entry in entries]
    return make_frame(columns, settings, keys, metrics)


def _in_units(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with quantities (``100M``, ``20 s``) as numbers in their column's unit."""
    return {key: _number(key, value) for key, value in settings.items()}


#: How settings that are quantities are read; budgets aside.
READ: Mapping[str, Callable[[Any], Any]] = {
    "solve.time_limit": seconds, "solve.memory_limit": size_bytes, "solve.gap": share,
}  # fmt: skip


def _number(key: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    words = key.split(".")
    try:
        if words[0] == "budgets" and len(words) > 1:
            return count(InBytes(value) if in_bytes(words[1]) else value)
        return READ[key](value) if key in READ else value
    except ValueError:
        return value


class StoredDesigns(Mapping[str, Mapping[str, Any]]):
    """The designs of a store by request, read one by one."""

    def __init__(self, store: Store, requests: Sequence[str]) -> None:
        self.store = store
        self.requests = dict.fromkeys(requests)

    def __contains__(self, request: object) -> bool:
        return request in self.requests

    def __getitem__(self, request: str) -> Mapping[str, Any]:
        design = self.store.design(request) if request in self.requests else None
        if design is None:
            raise KeyError(request)
        return design

    def __iter__(self) -> Any:
        return iter(self.requests)

    def __len__(self) -> int:
        return len(self.requests)


def write_folder(
    store: Store, out: Path, folder: str, request: str, files: Mapping[str, str]
) -> None:
    """One row's folder; what it holds is remembered, so that it is not written again."""
    clear_folder(store, out, folder, files)
    for name, text in files.items():
        write_atomic(out / folder / name, text)
    store.note_folder(folder, request, {name: digest_of(text) for name, text in files.items()})


def clear_folder(store: Store, out: Path, folder: str, kept: Container[str] = ()) -> None:
    """Remove what an earlier answer left in a row's folder, as far as it is as it was written."""
    place = out / folder
    noted = store.files_in(folder)
    former = None if noted else store.answered_in(folder)
    if former is not None and (design := store.design(former)) is not None:
        # Written before files were noted: ours are those that this design would have now.
        noted = {name: digest_of(text) for name, text in files_of(design).items()}
    trained = noted_in(place)  # by `validate` in this folder
    remove_ours(place, {n: d for n, d in {**trained, **noted}.items() if n not in kept})
    if trained:
        (place / MANIFEST).unlink(missing_ok=True)
    store.forget_files(folder, [name for name in noted if name not in kept])


def write_folders(store: Store, out: Path, entries: Sequence[Entry]) -> None:
    """The folders that are missing, or hold the design of another request.

    Folders of designs that this table does not have go, but for what somebody else put there.
    """
    known = store.folders()
    designed = [entry for entry in entries if _designed(entry)]
    for folder in known.keys() - {entry.row.folder for entry in designed}:
        clear_folder(store, out, folder)
        with contextlib.suppress(OSError):  # not empty, or not there
            (out / folder).rmdir()
        store.forget_folder(folder)
    present = {p.parent.name for p in out.glob("*/design.yaml")}
    for entry in designed:
        folder = entry.row.folder
        if known.get(folder) == entry.request and folder in present:
            continue
        design = store.design(entry.request)
        assert design is not None
        write_folder(store, out, folder, entry.request, files_of(design))


def write_table(
    store: Store,
    out: Path,
    entries: Sequence[Entry],
    keys: Sequence[str],
    pareto: Sequence[str],
    *,
    title: str,
    html: bool = True,
    plots: Sequence[str] = (),
) -> list[Path]:
    """Write everything about the table; its files. What is up to date is left as it is."""
    write_folders(store, out, entries)
    names = [
        *TABLE_FILES,
        *(f"pareto.{form}" for form in plots),
        *(["report.html"] if html else []),
    ]
    digest = _digest(entries, keys, pareto, title, names)
    paths = [out / name for name in names]
    if store.written("table") == digest and all(path.is_file() for path in paths):
        return paths
    gone = {name: d for name, d in store.files_in("").items() if name not in names}
    remove_ours(out, gone)
    store.forget_files("", gone)
    frame = table_frame(entries, keys)
    stable = frame.drop(columns=list(VARYING))
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    write_atomic(out / "table.parquet", buffer.getvalue())
    write_atomic(out / "table.csv", csv_text(stable))
    write_atomic(out / "table.md", markdown_text(stable))
    for form in plots:
        draw_pareto(frame, pareto, out / f"pareto.{form}", title=title)
    if html:
        designed = [e for e in entries if _designed(e)]
        designs = StoredDesigns(store, [e.request for e in designed])
        # Not every kind of design has a module: what no row has is not linked.
        known = (*ROW_FILES, *MORE_FILES)
        files = [f for f in known if any((out / e.row.folder / f).is_file() for e in designed)]
        downloads = [name for name in names if name != "report.html"]
        write_page(
            frame, designs, out / "report.html",
            pareto=pareto, title=title, files=files, downloads=downloads,
        )  # fmt: skip
    store.note_files("", {path.name: digest_of(path.read_bytes()) for path in paths})
    store.note_written("table", digest)
    return paths


def _designed(entry: Entry) -> bool:
    return entry.result is not None and entry.result.objective is not None


def _digest(entries: Sequence[Entry], *rest: Any) -> str:
    """What the files depend on."""
    import mathdesign.tables.page as page

    rows = [
        (e.row.name, e.row.folder, sorted(e.row.settings.items(), key=str), e.request,
         e.result and (e.result.status, e.result.reason, e.result.bound, e.result.solve_s))
        for e in entries
    ]  # fmt: skip
    metrics = sorted({name for e in entries if e.result for name in e.result.metrics})
    text = json.dumps([rows, rest, page.SCRIPTS, page.MORE_FILES, metrics], default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def csv_text(frame: DataFrame) -> str:
    """The frame as CSV. No cell is a formula: text that would be one begins with an apostrophe."""
    safe = frame.copy()
    for name in safe.columns[[str(kind) == "string" for kind in safe.dtypes]]:
        safe[name] = safe[name].map(_no_formula, na_action="ignore")
    safe.columns = [_no_formula(str(name)) for name in safe.columns]
    text: str = safe.to_csv(index=False, lineterminator="\n")
    return text


def _no_formula(text: str) -> str:
    return "'" + text if text.startswith(FORMULA) else text


def markdown_text(frame: DataFrame) -> str:
    """The frame as a Markdown table; names cannot open a cell, a tag or a link."""
    import pandas as pd

    def cell(value: Any) -> str:
        if pd.isna(value):
            return ""
        text = f"{value:.6g}" if isinstance(value, float) else str(value)
        text = escape(" ".join(text.split()), quote=False)
        for mark in "\\|[]`*_":
            text = text.replace(mark, "\\" + mark)
        return text

    shown = frame.drop(columns=["request_sha256"])
    lines = ["| " + " | ".join(cell(str(name)) for name in shown.columns) + " |"]
    lines.append("|" + " --- |" * len(shown.columns))
    lines += ["| " + " | ".join(map(cell, row)) + " |" for row in shown.itertuples(index=False)]
    return "\n".join(lines) + "\n"
