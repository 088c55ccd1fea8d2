"""The loop: some random designs, then batches of the models' best, until the queries are spent.

Every measurement is appended to a log when it ends (one JSON line, flushed to the disk), not when
its batch does, so that a kill loses none and the search goes on where it was: a batch that was cut
short is finished first. A failed query is a line with its reason; it is never asked again. The log's
first line is the request (space, target, budgets, options): another search is refused. A lock keeps
two processes off one log.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import SlotObjective, SlotProblem, TableSum
from mathdesign.search.proposing import SCORED_AT_ONCE, every_point, propose
from mathdesign.solvers.base import SolveOptions
from mathdesign.solvers.portfolio import solve

Point = tuple[int, ...]
#: A random design that keeps the budgets is sought this often before giving up.
MOST_DRAWS = 100_000
FORMAT = 2
#: How the first line of a log begins.
REQUEST = b'{"request": '
TOURNAMENT, POPULATION = 10, 100


class QueryFailed(Exception):
    """A design could not be measured; the message says why."""


class LogError(ValueError):
    """A log that belongs to another search, or is damaged."""


@dataclass(frozen=True, slots=True)
class Query:
    """One measurement: the design, its value or why there is none, and who proposed it."""

    point: Point
    value: float | None
    reason: str = ""
    proposed_by: str = "start"
    after: int = 0
    """How many measurements were known when its batch was proposed."""
    place: int = 0
    """Its place in the batch; batches end in any order."""


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """``start`` random designs, then batches of ``batch``, ``queries`` in all; ``jobs`` at once."""

    queries: int = 200
    start: int = 40
    batch: int = 5
    jobs: int = 1
    seed: int = 0
    minimise: bool = False

    def score(self, query: Query) -> float:
        """A measured value as one that is maximised."""
        assert query.value is not None
        return -query.value if self.minimise else query.value

    def best(self, queries: Sequence[Query]) -> Query | None:
        """The best of the measured, the first of equals."""
        good = [query for query in queries if query.value is not None]
        return max(good, key=self.score) if good else None


def search(
    problem: SlotProblem,
    space: TableSpace,
    measure: Callable[[Point], float],
    options: SearchOptions,
    *,
    log: Path | None = None,
    method: str = "models",
    on_query: Callable[[int, Query], None] = lambda *_: None,
    done: Callable[[Query], bool] = lambda _: False,
    request: Mapping[str, Any] | None = None,
    known: Sequence[Query] = (),
) -> list[Query]:
    """Measure designs until ``options.queries`` are spent, none is left, or ``done`` says so.

    ``method`` is ``models``, or the baselines ``random`` and ``evolution`` (regularised evolution,
    arXiv 1802.01548: population 100, tournaments of 10, one slot changed). Values are maximised
    (``options.minimise``: minimised). ``known`` are designs measured elsewhere: the search starts
    from them, and neither asks for them again nor counts them. ``request`` is what the log must be of beside the space, the method and the options: the target,
    the budgets. Raises :class:`LogError`.
    """
    asked = {
        **(request or {}), "method": method, "space": digest_of(problem), "seed": options.seed,
        "start": options.start, "batch": options.batch, "minimise": options.minimise,
        "known": _digest_of_known(known),
    }  # fmt: skip
    journal = Journal(log, asked) if log is not None else None
    with journal or nullcontext():
        queries = journal.read(space) if journal is not None else []
        # Designs measured elsewhere stand for as many random ones.
        random = replace(options, start=max(0, options.start - len(known)))
        start = _start(problem, random) if random.start else []
        # A batch that was cut short is proposed again, from what was known when it began.
        number = queries[-1].after if queries else 0
        while len(queries) < options.queries:
            every = [*known, *queries[:number]]
            seen = [query.point for query in every]
            wanted = min(options.batch, options.queries - number)
            batch, who = _next(problem, space, every, seen, start, wanted, options, method)
            taken = {query.point for query in queries[number:]}
            drafts = [
                Query(point, None, "", who, number, place)
                for place, point in enumerate(batch)
                if point not in taken
            ][: options.queries - len(queries)]
            if not drafts and number == len(queries):
                break
            for query in _measured(drafts, measure, options.jobs):
                queries.append(query)
                if journal is not None:
                    journal.append(query)
                on_query(len(queries), query)
                if done(query):
                    return queries
            queries.sort(key=_order)
            number = len(queries)
        return queries


def _order(query: Query) -> tuple[int, int]:
    return query.after, query.place


def digest_of(problem: SlotProblem) -> str:
    """A hash of the slots, their options and values, the costs, the rules and the budgets."""
    metrics = {
        name: [int(m.constant), [np.asarray(t).tolist() for t in m.unary],
               [[p.first, p.second, np.asarray(p.table).tolist()] for p in m.pairs]]
        for name, m in problem.metrics.items()
    }  # fmt: skip
    rules = [[r.first, r.second, np.asarray(r.table).tolist()] for r in problem.rules]
    slots = [[s.name, list(s.options), s.values] for s in problem.slots]
    budgets = sorted([b.metric, str(b.lower), str(b.upper)] for b in problem.budgets)
    text = json.dumps([slots, metrics, rules, budgets], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _digest_of_known(known: Sequence[Query]) -> str | int:
    """A hash of the designs measured elsewhere, in order, with their values; 0: there are none."""
    if not known:
        return 0
    text = json.dumps([[query.point, repr(query.value)] for query in known])
    return f"{len(known)} designs, {hashlib.sha256(text.encode()).hexdigest()}"


def _next(
    problem: SlotProblem, space: TableSpace, queries: Sequence[Query], seen: list[Point],
    start: list[Point], wanted: int, options: SearchOptions, method: str,
) -> tuple[list[Point], str]:  # fmt: skip
    """What to measure now, and who says so."""
    known = set(seen)
    rng = np.random.default_rng([options.seed, len(seen)])
    fresh = [point for point in start if point not in known]
    if fresh:
        return fresh[:wanted], "start"
    if method == "random":
        return _random(problem, rng, wanted, known), method
    if method == "evolution":
        return _mutated(problem, rng, queries, known, options), method
    good = [query for query in queries if query.value is not None]
    if len(good) < 10 or len({query.value for query in good}) < 2:
        return _random(problem, rng, wanted, known), "random"
    worst = min(map(options.score, good))  # failures count as that
    points = np.array(seen, dtype=np.int64)
    scores = [worst if query.value is None else options.score(query) for query in queries]
    labels = np.array(scores, dtype=float)
    return propose(problem, space, points, labels, seen, wanted, options.seed + len(seen)), method


def _measured(drafts: list[Query], measure: Callable[[Point], float], jobs: int) -> Iterator[Query]:
    """Each of the drafts when its measurement ends, ``jobs`` at a time (another process's work)."""

    def one(draft: Query) -> Query:
        try:
            value = float(measure(draft.point))
        except QueryFailed as error:
            return replace(draft, reason=str(error))
        if not np.isfinite(value):
            return replace(draft, reason=f"the value {value!r} is not finite")
        return replace(draft, value=value)

    if jobs == 1:
        yield from map(one, drafts)
        return
    # The next one starts when an earlier one is logged: a kill loses what runs, ``jobs`` at most.
    left = iter(drafts)
    with ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(one, draft) for draft in islice(left, jobs)}
        while running:
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                yield future.result()
            running |= {pool.submit(one, draft) for draft in islice(left, len(ended))}


def _start(problem: SlotProblem, options: SearchOptions) -> list[Point]:
    rng = np.random.default_rng(options.seed)
    return _random(problem, rng, min(options.start, options.queries), set())


def _random(
    problem: SlotProblem, rng: np.random.Generator, count: int, known: set[Point]
) -> list[Point]:
    """Distinct feasible designs outside ``known``, uniformly; all there are if too few."""
    sizes = [len(slot.options) for slot in problem.slots]
    if problem.size <= SCORED_AT_ONCE:
        points = every_point(problem)
        order = rng.permutation(np.flatnonzero(problem.feasible_rows(points)))
        found = (tuple(map(int, points[i])) for i in order)
        return [point for point in found if point not in known][:count]
    taken: list[Point] = []
    for _ in range(MOST_DRAWS):
        point = tuple(int(rng.integers(n)) for n in sizes)
        if point not in known and problem.feasible_rows(np.array([point]))[0]:
            taken.append(point)
            known = known | {point}
        if len(taken) == count:
            return taken
    return taken + _scattered(problem, rng, count - len(taken), known)


def _scattered(
    problem: SlotProblem, rng: np.random.Generator, count: int, known: set[Point]
) -> list[Point]:
    """Where drawing hardly ever keeps the rules: designs that maximise random tables."""
    taken: list[Point] = []
    for _ in range(2 * count):
        tables = tuple(rng.normal(size=len(slot.options)) for slot in problem.slots)
        asked = replace(problem, objective=SlotObjective(TableSum(0.0, tables)))
        point = solve(asked, SolveOptions(gap=0.05, time_limit_s=5.0)).point
        if point is not None and tuple(point) not in known:
            taken.append(tuple(point))
            known = known | {tuple(point)}
        if len(taken) == count:
            break
    return taken


def _mutated(
    problem: SlotProblem, rng: np.random.Generator, queries: Sequence[Query], known: set[Point],
    options: SearchOptions,
) -> list[Point]:  # fmt: skip
    """One child of the best of a tournament among the youngest; known children are redrawn."""
    alive = [q for q in queries if q.value is not None][-POPULATION:]
    for _ in range(1000):
        if not alive:
            break
        chosen = rng.integers(0, len(alive), min(TOURNAMENT, len(alive)))
        parent = max((alive[i] for i in chosen), key=options.score).point
        slot = int(rng.integers(len(parent)))
        child = (
            *parent[:slot],
            int(rng.integers(len(problem.slots[slot].options))),
            *parent[slot + 1 :],
        )
        if child not in known and problem.feasible_rows(np.array([child]))[0]:
            return [child]
    return _random(problem, rng, 1, known)


class Journal:
    """The log of one search, locked while it is open (as a context)."""

    def __init__(self, path: Path, request: Mapping[str, Any]) -> None:
        self.path = path
        self.request = {"format": FORMAT, **request}
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        """Open and lock it. Raises :class:`LogError` where another process holds it."""
        if self.path.exists() and not self.path.is_file():
            raise LogError(f"{self.path}: not a file; name another --out")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            raise LogError(
                f"{self.path}: another search is at work here; wait for it or name another --out"
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        """Give it free."""
        if self._file is not None:
            self._file.close()

    def append(self, query: Query) -> None:
        """Keep one measurement: written and flushed to the disk before this returns."""
        self._write(asdict(query))

    def _write(self, data: Mapping[str, Any]) -> None:
        assert self._file is not None
        self._file.write(json.dumps(data, allow_nan=False).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def read(self, space: TableSpace) -> list[Query]:
        """The measurements so far, by batches; a new log gets its first line.

        A last line that a kill cut short is dropped, also from the file. Raises :class:`LogError`
        for what is no log, and for that of another request.
        """
        assert self._file is not None
        self._file.seek(0)
        raw = self._file.read()
        whole = raw[: raw.rfind(b"\n") + 1]
        try:
            lines = whole.decode().splitlines()
        except UnicodeDecodeError:
            raise LogError(f"{self.path}: not a log of this program; name another --out") from None
        if lines:
            self._check(lines[0])
        found = [self._query(n, line, space) for n, line in enumerate(lines[1:], 2)]
        if whole != raw:
            if not lines and not REQUEST.startswith(raw[: len(REQUEST)]):
                raise LogError(f"{self.path}: not a log of this program; name another --out")
            self._file.truncate(len(whole))
        if not lines:
            self._write({"request": self.request})
        points = {query.point for query in found}
        if len(points) < len(found):
            raise LogError(f"{self.path}: a design is measured twice; name another --out")
        return sorted(found, key=_order)

    def _check(self, line: str) -> None:
        """Refuse the log of another search."""
        try:
            found = json.loads(line)["request"]
            differ = [
                key for key in {**self.request, **found} if found.get(key) != self.request.get(key)
            ]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise LogError(
                f"{self.path}:1: not the request of a search; name another --out"
            ) from None
        if differ:
            what = ", ".join(
                f"{key} {_short(found.get(key))} (asked: {_short(self.request.get(key))})"
                for key in differ
            )
            raise LogError(f"{self.path}: the log of another search: {what}; name another --out")

    def _query(self, number: int, line: str, space: TableSpace) -> Query:
        try:
            data = json.loads(line)
            point, value = tuple(map(int, data["point"])), data["value"]
            fits = len(point) == len(space.slots) and all(
                0 <= k < len(slot.options) for k, slot in zip(point, space.slots)
            )
            if not fits:
                raise LogError(
                    f"{self.path}:{number}: a design of another space; name another --out"
                )
            if value is not None:
                if isinstance(value, bool) or not np.isfinite(float(value)):
                    raise ValueError(f"value {value!r}")
                value = float(value)
            after, place = int(data["after"]), int(data["place"])
            if not 0 <= after < number or not place >= 0:
                raise ValueError(f"after {after}, place {place}")
            return Query(point, value, str(data["reason"]), str(data["proposed_by"]), after, place)
        except LogError:
            raise
        except (
            ValueError,
            KeyError,
            TypeError,
            IndexError,
            OverflowError,
            RecursionError,
        ) as error:
            raise LogError(
                f"{self.path}:{number}: not a measurement ({error}); name another --out"
            ) from None


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."
