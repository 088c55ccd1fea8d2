"""``search``: the best design with few measurements, the baselines beside it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathdesign.cli.fit import BadRequest, by_position, read_list_spec, read_table
from mathdesign.cli.session import EXIT_BAD_INPUT, EXIT_FAILURE, EXIT_NO_DESIGN, Session
from mathdesign.extras import require
from mathdesign.files import refuse_folder, write_atomic
from mathdesign.search.loop import Query

if TYPE_CHECKING:
    from mathdesign.search.loop import SearchOptions

LOG = "evaluations.jsonl"
BASELINES = ("random", "evolution")


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What the command line asks for."""

    space: str
    out: Path
    evaluate: str | None
    table: Path | None
    target: str | None
    queries: int
    start: int
    batch: int
    jobs: int
    seed: int
    timeout_s: float
    baselines: bool
    scheduler: str | None = None
    minimise: bool = False
    positions: tuple[str, ...] = ()


def search(session: Session, request: SearchRequest) -> int:
    """The ``search`` command; returns the exit status."""
    require("predictor", "lightgbm", "pandas", "pyarrow")
    if request.scheduler is not None:
        require("cluster", "distributed")
    from mathdesign.programs.slot_space import TableError
    from mathdesign.search import loop
    from mathdesign.spaces.lists.pose import pose
    from mathdesign.spaces.lists.words import PredictorSpec
    from mathdesign.spec.faults import SpecError

    refuse_folder(request.out)
    try:
        spec = read_list_spec(request.space)
        # What is measured is maximised, whatever the file says beside it.
        posed = pose(spec.model_copy(update={"objective": PredictorSpec()}))
        problem, space = posed.program, posed.space
        measure, known = _evaluator(request, problem, space)
        options = loop.SearchOptions(
            request.queries, request.start, request.batch, request.jobs, request.seed,
            request.minimise,
        )  # fmt: skip
        if known:
            session.say(f"starts from {len(known):,} measured designs of {request.table}")
        methods = ("models", *BASELINES) if request.baselines else ("models",)
        runs = {}
        asked = _asked(request, spec)
        for method in methods:
            log = request.out / (LOG if method == "models" else f"{method}.jsonl")
            runs[method] = loop.search(
                problem, space, measure, options, log=log, method=method,
                on_query=_narrate(session, method, options, options.best(known)), known=known,
                request=asked,
            )  # fmt: skip
            write_atomic(log.with_suffix(".parquet"), _parquet(runs[method], space))
            runs[method] = [*known, *runs[method]]
    except (BadRequest, TableError, SpecError, loop.LogError, ValueError) as error:
        return session.fail(EXIT_BAD_INPUT, str(error))
    except OSError as error:
        reason = f"cannot write to {request.out}: {error.strerror or error}"
        return session.fail(EXIT_FAILURE, reason)
    except KeyboardInterrupt:
        return session.fail(EXIT_NO_DESIGN, "stopped; the same command goes on")
    return _report(session, request, space, runs, options, len(known))


def _asked(request: SearchRequest, spec: Any) -> dict[str, Any]:
    """What a log must be of: the space and its budgets in words, and where values come from."""
    words = spec.to_dict()
    found: dict[str, Any] = {"words": {k: words[k] for k in ("space", "budgets") if k in words}}
    if request.positions:
        found["positions"] = sorted(set(request.positions))
    if request.evaluate is not None:
        found["evaluate"] = request.evaluate
    if request.table is not None:
        found["target"] = request.target
        found["table"] = hashlib.sha256(request.table.read_bytes()).hexdigest()
    return found


def _evaluator(
    request: SearchRequest, problem: Any, space: Any
) -> tuple[Callable[[Any], float], list[Query]]:
    """What measures a design, and the designs that are measured already."""
    from mathdesign.search.evaluating import from_command, from_table, on_cluster
    from mathdesign.surrogate.fit import sample_of

    if request.evaluate is None and request.table is None:
        raise BadRequest(
            "accepted: --evaluate COMMAND, --table CSV with --target COLUMN, or both: the table's "
            "rows are the start then"
        )
    known: list[Query] = []
    if request.table is not None:
        if request.target is None:
            word = "minimise" if request.minimise else "maximise"
            raise BadRequest(f"--table needs --target, the column to {word}")
        sample = sample_of(
            read_table(request.table), space, request.target, fewest=1,
            positions=by_position(request.positions, space),
        )  # fmt: skip
        values = {tuple(map(int, p)): float(v) for p, v in zip(sample.points, sample.labels)}
        if request.evaluate is None:
            _refuse_gaps(request, problem, values)
            return from_table(values), []
        known = [Query(point, value, "", "table") for point, value in values.items()]
    assert request.evaluate is not None
    if request.scheduler is not None:
        from mathdesign.tables.cluster import ClusterError, ClusterWorkers

        try:
            workers = ClusterWorkers(request.scheduler)
        except ClusterError as error:
            raise BadRequest(f"--scheduler: {error}") from None
        return on_cluster(request.evaluate, space, workers, request.timeout_s), known
    folder = request.out / "designs"
    return from_command(request.evaluate, space, folder, request.timeout_s), known


def _refuse_gaps(request: SearchRequest, problem: Any, values: Mapping[Any, float]) -> None:
    """A table that lacks designs cannot answer a search that may ask for any of them."""
    import numpy as np

    from mathdesign.search.proposing import SCORED_AT_ONCE, every_point

    cure = "add --evaluate COMMAND, which measures the others"
    if problem.size > SCORED_AT_ONCE:
        raise BadRequest(
            f"{request.table}: {len(values):,} of {problem.size:,} designs: the table cannot answer "
            f"for the others; {cure}"
        )
    points = every_point(problem)
    asked = points[problem.feasible_rows(points)]
    there = sum(tuple(map(int, point)) in values for point in asked)
    if there < len(asked) or not len(asked):
        first = next((p for p in asked if tuple(map(int, p)) not in values), None)
        example = "" if first is None else ", e.g. " + ":".join(
            slot.options[int(k)] for slot, k in zip(problem.slots, np.asarray(first))
        )  # fmt: skip
        raise BadRequest(
            f"{request.table}: {there:,} of the {len(asked):,} designs that may be asked for"
            f"{example} is missing; {cure}"
        )


def _narrate(
    session: Session, method: str, options: SearchOptions, best: Query | None
) -> Callable[[int, Query], None]:
    found = [best]

    def tell(number: int, query: Query) -> None:
        if query.value is None:
            session.say(f"[{method} {number}/{options.queries}] failed: {query.reason}")
        elif found[0] is None or options.score(query) > options.score(found[0]):
            found[:] = [query]
            session.say(f"[{method} {number}/{options.queries}] best so far {query.value:.6g}")

    return tell


def _parquet(queries: list[Any], space: Any) -> bytes:
    """Every measurement: its slots, value, reason, and who proposed it."""
    import pandas as pd

    rows = [
        {"query": n, **space.words(q.point), **space.costs(q.point), "value": q.value,
         "reason": q.reason, "proposed_by": q.proposed_by}
        for n, q in enumerate(queries, 1)
    ]  # fmt: skip
    buffer = io.BytesIO()
    pd.DataFrame(rows).to_parquet(buffer, index=False)
    return buffer.getvalue()


def _report(
    session: Session, request: SearchRequest, space: Any, runs: dict[str, Any],
    options: SearchOptions, known: int,
) -> int:  # fmt: skip
    """The best of each method; ``best.json`` of ours."""
    import json

    from mathdesign.report.terminal import print_table

    rows, document = [], {}
    for method, queries in runs.items():
        good = [q for q in queries if q.value is not None]
        best = options.best(good)
        if best is None:
            continue
        # 0: the best one was measured before the search.
        at, failed = max(0, queries.index(best) + 1 - known), len(queries) - len(good)
        asked = len(queries) - known
        rows.append((method, f"{best.value:.6g}", str(at), str(asked), str(failed)))
        document[method] = {
            "best": best.value, "found_at": at, "queries": asked, "failed": failed,
            "design": space.words(best.point), "costs": space.costs(best.point),
        }  # fmt: skip
    if "models" not in document:
        return session.fail(EXIT_NO_DESIGN, "no design could be measured; see the log for reasons")
    path = write_atomic(request.out / "best.json", json.dumps(document["models"], indent=1) + "\n")
    if not (session.json or session.quiet):
        header = ("method", "best", "found at", "queries", "failed")
        print_table(session.out, "search", header, rows)
    session.say(f"wrote {path}")
    session.result(document)
    return 0
