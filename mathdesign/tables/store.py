"""The store of a table: one SQLite file in which every finished row is kept by its request's hash.

Write-ahead logging, so that readers never wait and a killed process loses nothing committed. A
row being solved is *claimed* for a while: two commands on one store share the work. A claim lapses
when its process is gone from this machine, or is not renewed (from any machine).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import socket
import sqlite3
import time
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mathdesign.files import is_plain
from mathdesign.tables.frame import DESIGNED, STATUSES

APPLICATION_ID = 0x6D645442
"""``mdTB``, in the header of every store."""
FORMAT = 1
#: Before a request: the name under which the digest of its row is kept.
MARK = "row "
#: Before the path of a file that was written, among the digests of what was.
FILE = "file "
MAGIC = b"SQLite format 3\0"
#: A claim lasts this long unless renewed.
CLAIM_S = 30.0
#: A claim that ends later than this was made by no clock of ours.
LONGEST_CLAIM_S = 2 * CLAIM_S
#: A design takes some kilobytes; a longer one is none.
LARGEST_DESIGN_BYTES = 1 << 26
#: How long to wait for another process's transaction.
BUSY_S = 30.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS results (
    request TEXT PRIMARY KEY, status TEXT NOT NULL, reason TEXT NOT NULL, objective REAL,
    bound REAL, gap REAL, gap_target REAL, params INTEGER, macs INTEGER, blocks INTEGER,
    effectiveness REAL, solve_s REAL, backend TEXT, nesting TEXT NOT NULL, design BLOB,
    metrics TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS requests (raw TEXT PRIMARY KEY, request TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (
    request TEXT PRIMARY KEY, owner TEXT NOT NULL, lapses REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS folders (folder TEXT PRIMARY KEY, request TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS written (name TEXT PRIMARY KEY, digest TEXT NOT NULL) WITHOUT ROWID;
"""
FIGURES = (
    "status", "reason", "objective", "bound", "gap", "gap_target", "params", "macs", "blocks",
    "effectiveness", "solve_s", "backend", "nesting",
)  # fmt: skip


class StoreError(Exception):
    """A file that is no store, a damaged store, or one that cannot be written; says the way out."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a request. ``nesting`` is its group and limits (:mod:`.nesting`), as JSON.

    ``design`` is the finished design as plain data; figures are ``None`` where there is none.
    """

    request: str
    status: str
    reason: str = ""
    objective: float | None = None
    bound: float | None = None
    gap: float | None = None
    gap_target: float | None = None
    params: int | None = None
    macs: int | None = None
    blocks: int | None = None
    effectiveness: float | None = None
    solve_s: float | None = None
    backend: str | None = None
    nesting: str = ""
    metrics: Mapping[str, int | float] = field(default_factory=dict)
    """Every metric and figure of the design."""
    design: Mapping[str, Any] | None = field(default=None, repr=False)


def metrics_of(design: Mapping[str, Any]) -> dict[str, int | float]:
    """Every metric of a design as plain data, and the numbers that its kind reports beside them."""
    found: dict[str, int | float] = dict(design.get("metrics") or {})
    for name, value in design.items():
        if isinstance(value, int | float) and not isinstance(value, bool) and name != "format":
            found.setdefault(name, value)
    predictor = design.get("predictor")
    if isinstance(predictor, Mapping) and isinstance(predictor.get("predicted"), int | float):
        found.setdefault("predicted", predictor["predicted"])
    return found


class Store:
    """An open store; close it, or use it as a context. One a process and thread."""

    def __init__(self, path: Path | str) -> None:
        """Open or make the store. Raises :class:`StoreError`."""
        self.path = Path(path)
        self.owner = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex}"
        with self._errors():
            _refuse_foreign(self.path)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
            try:
                self._open()
            except BaseException:
                self.connection.close()  # SQLite's own files beside it go with it
                raise

    def _open(self) -> None:
        run = self.connection.execute
        (found,) = run("PRAGMA application_id").fetchone()
        (format_,) = run("PRAGMA user_version").fetchone()
        (tables,) = run("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and found != APPLICATION_ID:
            raise StoreError(f"{self.path}: another program's database; name another --out")
        if tables and format_ != FORMAT:
            raise StoreError(
                f"{self.path}: format {format_}, accepted: {FORMAT}; name another --out"
            )
        (damage,) = run("PRAGMA quick_check(1)").fetchone()
        if damage != "ok":
            words = " ".join(str(damage).split())
            raise StoreError(f"{self.path}: damaged ({words}); restore it or name another --out")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        if not tables:
            run(f"PRAGMA application_id = {APPLICATION_ID}")
            run(f"PRAGMA user_version = {FORMAT}")
            self.connection.executescript(SCHEMA)
        elif "metrics" not in {row[1] for row in run("PRAGMA table_info(results)")}:
            # Stores of before: their designs hold what this column does.
            run("ALTER TABLE results ADD COLUMN metrics TEXT")

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back this process's claims and close the file."""
        with self._errors():
            try:
                self.connection.execute("DELETE FROM claims WHERE owner = ?", (self.owner,))
            finally:
                self.connection.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            text = str(error)
            cure = "restore it or name another --out"
            if "full" in text or "disk I/O" in text:
                cure = "free some space and run the same command again: finished rows are kept"
            elif "locked" in text:
                cure = "another process holds it; try again"
            raise StoreError(f"{self.path}: {text}; {cure}") from error
        except OSError as error:
            raise StoreError(f"{self.path}: {error.strerror or error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._errors():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")

    def known_requests(self) -> dict[str, str]:
        """Hash of each document seen -> hash of its canonical request."""
        with self._errors():
            return dict(self.connection.execute("SELECT raw, request FROM requests"))

    def remember_requests(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Keep the canonical hashes of validated documents."""
        with self._transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO requests VALUES (?, ?)", pairs)

    def finished(self) -> set[str]:
        """Requests with a result."""
        with self._errors():
            return {r for (r,) in self.connection.execute("SELECT request FROM results")}

    def claim(self, requests: Iterable[str], most: int) -> list[str]:
        """Claim up to ``most`` of ``requests`` that have no result and no living claim."""
        now = time.time()
        taken: list[str] = []
        with self._transaction() as connection:
            for request in requests:
                if len(taken) == most:
                    break
                owners = connection.execute(
                    "SELECT '' FROM results WHERE request = ? UNION ALL "
                    "SELECT owner FROM claims WHERE request = ? AND typeof(lapses) = 'real' "
                    "AND lapses > ? AND lapses <= ? AND owner <> ?",
                    (request, request, now, now + LONGEST_CLAIM_S, self.owner),
                ).fetchall()
                if any(not owner or _alive(owner) for (owner,) in owners):
                    continue
                row = (request, self.owner, now + CLAIM_S)
                connection.execute("INSERT OR REPLACE INTO claims VALUES (?, ?, ?)", row)
                taken.append(request)
        return taken

    def renew(self) -> None:
        """Renew every claim of this process."""
        with self._transaction() as connection:
            lapses = time.time() + CLAIM_S
            connection.execute("UPDATE claims SET lapses = ? WHERE owner = ?", (lapses, self.owner))

    def save(self, result: Result) -> None:
        """Keep a result and drop its claim, in one transaction."""
        packed = None
        if result.design is not None:
            packed = zlib.compress(json.dumps(result.design, allow_nan=False).encode(), 6)
        metrics = json.dumps(dict(result.metrics), allow_nan=False)
        values = [result.request, *(getattr(result, name) for name in FIGURES), packed, metrics]
        marks = ", ".join("?" * len(values))
        names = ", ".join(("request", *FIGURES, "design", "metrics"))
        mark = (MARK + result.request, digest_of(values))
        with self._transaction() as connection:
            connection.execute(f"INSERT OR REPLACE INTO results ({names}) VALUES ({marks})", values)
            connection.execute("INSERT OR REPLACE INTO written VALUES (?, ?)", mark)
            connection.execute("DELETE FROM claims WHERE request = ?", (result.request,))

    def forget(self, statuses: Iterable[str]) -> None:
        """Drop the results with one of ``statuses``, so that they are sought again."""
        with self._transaction() as connection:
            connection.executemany(
                "DELETE FROM results WHERE status = ?", [(status,) for status in statuses]
            )

    def drop_damaged(self) -> dict[str, str]:
        """Forget the results that are not what was saved, or not what their designs say.

        Request -> what is wrong; they are sought again.
        """
        columns = ", ".join(("request", *FIGURES, "design", "metrics"))
        with self._errors():
            marks = dict(self.connection.execute("SELECT name, digest FROM written"))
            found = {}
            for row in self.connection.execute(f"SELECT {columns} FROM results"):
                if marks.get(f"{MARK}{row[0]}") != digest_of(row) and (reason := _damage(row)):
                    found[row[0]] = reason
        with self._transaction() as connection:
            gone = [(request,) for request in found]
            connection.executemany("DELETE FROM results WHERE request = ?", gone)
        return {str(request): reason for request, reason in found.items()}

    def results(self) -> dict[str, Result]:
        """Every result by its request, without the designs."""
        columns = ", ".join(("request", *FIGURES, "metrics"))
        with self._errors():
            rows = self.connection.execute(f"SELECT {columns} FROM results").fetchall()
        names = ("request", *FIGURES)
        return {
            row[0]: Result(**dict(zip(names, row)), metrics=self._metrics(row[0], row[-1]))
            for row in rows
        }

    def _metrics(self, request: str, text: str | None) -> dict[str, int | float]:
        """As they were kept; of a result from before they were, as its design has them."""
        if text is not None:
            found: dict[str, int | float] = json.loads(text)
            return found
        design = self.design(request)
        return {} if design is None else metrics_of(design)

    def design(self, request: str) -> dict[str, Any] | None:
        """The design that answers ``request``, as plain data."""
        with self._errors():
            row = self.connection.execute(
                "SELECT design FROM results WHERE request = ?", (request,)
            ).fetchone()
        if row is None or row[0] is None:
            return None
        try:
            return _unpacked(row[0])
        except ValueError as error:
            raise StoreError(f"{self.path}: damaged design ({error}); restore it") from error

    def folders(self) -> dict[str, str]:
        """Folder -> request of the design that was written there; names that lead elsewhere are none."""
        with self._errors():
            found = self.connection.execute("SELECT folder, request FROM folders").fetchall()
        return {folder: request for folder, request in found if is_plain(folder)}

    def answered_in(self, folder: str) -> str | None:
        """Request of the design that was written into ``folder``."""
        with self._errors():
            row = self.connection.execute(
                "SELECT request FROM folders WHERE folder = ?", (folder,)
            ).fetchone()
        return row[0] if row else None

    def note_folder(self, folder: str, request: str, files: Mapping[str, str]) -> None:
        """Remember what a folder holds: the answer to ``request``, in ``files`` (name -> digest)."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO folders VALUES (?, ?)", (folder, request))
        self.note_files(folder, files)

    def note_files(self, folder: str, files: Mapping[str, str]) -> None:
        """Remember what was written into a folder (empty: the table's own): name -> digest."""
        notes = [(f"{FILE}{folder}/{name}", digest) for name, digest in files.items()]
        with self._transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO written VALUES (?, ?)", notes)

    def files_in(self, folder: str) -> dict[str, str]:
        """What was written into a folder (empty: the table's own): name -> digest."""
        start = f"{FILE}{folder}/"
        end = f"{FILE}{folder}0"  # "0" is the character after "/"
        with self._errors():
            found = self.connection.execute(
                "SELECT name, digest FROM written WHERE name >= ? AND name < ?", (start, end)
            ).fetchall()
        names = {str(name).removeprefix(start): digest for name, digest in found}
        return {n: d for n, d in names.items() if is_plain(n) and isinstance(d, str)}

    def forget_files(self, folder: str, names: Iterable[str]) -> None:
        """These are no longer there, or no longer ours."""
        gone = [(f"{FILE}{folder}/{name}",) for name in names]
        with self._transaction() as connection:
            connection.executemany("DELETE FROM written WHERE name = ?", gone)

    def forget_folder(self, folder: str) -> None:
        """It holds no answer any more."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM folders WHERE folder = ?", (folder,))

    def written(self, name: str) -> str | None:
        """Digest of what was last written under ``name``."""
        with self._errors():
            row = self.connection.execute(
                "SELECT digest FROM written WHERE name = ?", (name,)
            ).fetchone()
        return row[0] if row else None

    def note_written(self, name: str, digest: str) -> None:
        """Remember the digest of what was written under ``name``."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO written VALUES (?, ?)", (name, digest))


def digest_of(row: Sequence[Any]) -> str:
    """A hash of a row as it is stored."""
    return hashlib.sha256(repr(tuple(row)).encode("utf-8", "surrogatepass")).hexdigest()


def _unpacked(packed: Any) -> dict[str, Any]:
    """A design as it is stored. Raises ``ValueError``."""
    if not isinstance(packed, bytes):
        raise ValueError(f"found {type(packed).__name__}")
    try:
        reader = zlib.decompressobj()
        text = reader.decompress(packed, LARGEST_DESIGN_BYTES)
        if not reader.eof:
            raise ValueError("cut short or too large")
        found = json.loads(text)
    except (zlib.error, RecursionError) as error:
        raise ValueError(str(error)) from None
    if not isinstance(found, dict):
        raise ValueError("no mapping")
    return found


def _damage(row: Sequence[Any]) -> str:
    """What is wrong with a stored row; empty where it is what its design says."""
    request, *values, packed, metrics = row
    figures = dict(zip(FIGURES, values))
    status = figures["status"]
    if not isinstance(request, str) or status not in STATUSES:
        return f"status {status!r}"
    if not (isinstance(figures["reason"], str) and isinstance(figures["backend"], str | None)):
        return "a reason or a backend that is no text"
    for name in FIGURES[2:-2]:
        value = figures[name]
        if value is not None and not (isinstance(value, int | float) and math.isfinite(value)):
            return f"{name} {value!r}"
    if not _is_nesting(figures["nesting"]):
        return "limits that are none"
    if status not in DESIGNED:
        if packed is not None or figures["objective"] is not None:
            return f"a design that is {status}"
        return "" if metrics in (None, "{}") else f"metrics of a design that is {status}"
    from mathdesign.result import Design

    try:
        design = _unpacked(packed)
        Design.from_dict(design).specification()
        if metrics is not None and json.loads(metrics) != metrics_of(design):
            return "metrics that are not its design's"
        claimed, counted = design["certificate"], design["metrics"]
        said = {name: claimed[name] for name in ("objective", "bound", "gap", "gap_target")}
        said |= {name: counted.get(name) for name in ("params", "macs", "blocks")}
        said |= {"status": claimed["status"], "effectiveness": design.get("effectiveness")}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return f"its design ({error})"
    wrong = [name for name, value in said.items() if value != figures[name]]
    return "" if not wrong else f"{wrong[0]} {figures[wrong[0]]!r}, its design {said[wrong[0]]!r}"


def _is_nesting(text: Any) -> bool:
    """Whether ``text`` is a group and its limits, or empty (:mod:`.nesting`)."""
    if text == "":
        return True
    try:
        group, limits = json.loads(text)
        pairs = dict(limits)
    except (ValueError, TypeError, RecursionError):
        return False
    numbers = all(isinstance(v, int | float) for v in pairs.values())
    return isinstance(group, str) and numbers and all(isinstance(name, str) for name in pairs)


def _alive(owner: str) -> bool:
    """False if the claim's process ran on this machine and is gone."""
    host, _, rest = str(owner).partition("/")
    if host != socket.gethostname():
        return True
    try:
        os.kill(int(rest.partition("/")[0]), 0)
    except (ProcessLookupError, ValueError, OverflowError):  # gone, or no process of ours
        return False
    except PermissionError:
        return True
    return True


def _refuse_foreign(path: Path) -> None:
    """A file that is there, not empty, and no SQLite database is never touched."""
    if not path.exists():
        return
    if not path.is_file():
        raise StoreError(f"{path}: not a file; name another --out")
    with path.open("rb") as file:
        head = file.read(len(MAGIC))
    if head and head != MAGIC:
        raise StoreError(f"{path}: not a store of this program; name another --out")
