"""``latency measure``, ``latency check`` and ``latency fit`` of operators, on the machine that is here."""

from __future__ import annotations

import csv
import datetime
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mathdesign.cli.fit import BadRequest
from mathdesign.cli.session import EXIT_BAD_INPUT, EXIT_CHECK_FAILED, EXIT_ROWS, Session
from mathdesign.extras import require
from mathdesign.files import refuse_folder, write_atomic

if TYPE_CHECKING:
    from mathdesign.devices.header import Header
    from mathdesign.devices.model import CostModel
    from mathdesign.devices.operators import Operator
    from mathdesign.devices.prices import Source
    from mathdesign.devices.table import CostTable
    from mathdesign.kinds import AnyKind
    from mathdesign.measuring.campaign import Measured
    from mathdesign.measuring.fitting import Correction, ModelFit, Wanted
    from mathdesign.measuring.judging import Judgement
    from mathdesign.measuring.runtimes import Runtime
    from mathdesign.spaces.kind import Posed

T = TypeVar("T")

#: Files of ``latency check``.
CHECK, PLOT = "check.csv", "check.png"
#: Rounds of whole networks.
ROUNDS = 9
LARGEST_CSV_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class How:
    """How things are run."""

    runtime: str = "torch"
    device: str = "cpu"
    threads: int = 1
    clock: str = "wall"
    batch: int = 1

    def open(self) -> Runtime:
        """Raises :class:`BadRequest`."""
        from mathdesign.measuring.runtimes import RuntimeRefused, runtime

        try:
            return runtime(self.runtime, self.device, self.threads, self.clock)
        except RuntimeRefused as error:
            raise BadRequest(str(error)) from None


@dataclass(frozen=True, slots=True)
class MeasureRequest:
    """What ``latency measure`` asks for."""

    space: Path
    out: Path
    model: Path | None
    how: How
    budget_s: float
    passes: int
    designs: int
    seed: int
    form: str = "auto"


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """What ``latency check`` asks for."""

    space: Path
    costs: Path
    designs: tuple[Path, ...]
    count: int
    how: How
    interpolate: bool
    table: Path | None
    at_most: float | None
    out: Path
    seed: int


@dataclass(frozen=True, slots=True)
class FitRequest:
    """What ``latency fit`` asks for where the table is one of operators."""

    table: Path
    out: Path | None
    form: str
    networks: Path | None
    seed: int
    whole: tuple[str, ...] = ()
    """Options that were given and belong to tables of whole networks."""


# ---- spaces --------------------------------------------------------------------------------------


def space_of(path: Path) -> tuple[AnyKind, Posed[Any]]:
    """The space of a specification and its program, without budgets that need costs of a device.

    Raises :class:`SpecError`.
    """
    from mathdesign.kinds import kind_of_spec
    from mathdesign.kinds.load import read_document, validated

    document = read_document(path)
    _without_devices(document.data)
    spec = validated(document, aimless=True)
    kind = kind_of_spec(spec)
    return kind, kind.pose(spec)


def _without_devices(data: Any) -> None:
    """Leave out devices and budgets on them: their costs are what is to be measured."""
    from mathdesign.spec.devices import MARKS

    if not isinstance(data, dict):
        return
    devices, budgets = data.pop("devices", None), data.get("budgets")
    if not isinstance(budgets, dict):
        return
    named = set(devices) if isinstance(devices, dict) else set()
    for name, limit in list(budgets.items()):
        if name in named or (isinstance(limit, dict) and set(MARKS) & set(limit)):
            del budgets[name]


# ---- measure -------------------------------------------------------------------------------------


def measure(session: Session, request: MeasureRequest) -> int:
    """The ``latency measure`` command; returns the exit status."""
    require("torch", "torch")
    from mathdesign.measuring import campaign, planning, sampling
    from mathdesign.measuring.calls import Bench, surroundings
    from mathdesign.measuring.enumerating import everything
    from mathdesign.measuring.modules import CannotMeasure
    from mathdesign.solvers.base import UnsupportedProblem
    from mathdesign.spaces.kind import NoOperators
    from mathdesign.spec.faults import SpecError

    for path in (request.out, request.model):
        if path is not None:
            refuse_folder(path.parent)
    try:
        runtime = request.how.open()
        kind, posed = space_of(request.space)
        networks = sampling.across(kind, posed, request.designs, request.seed)
        if not networks:
            raise BadRequest(f"{request.space}: no design was found that keeps the budgets")
        seen = dict.fromkeys(o for network in networks for o in kind.operators(network))
        seen |= dict.fromkeys(everything(posed.spec))
        plan = planning.plan(seen)
        around = surroundings(kind, networks[0])
        bench = Bench(runtime, around, request.how.batch)
        header = _header(request.how, runtime, around.words())
        session.say(
            f"{len(plan):,} operators of {len(seen):,} of the space; {header.about()}; {around.words()}"
        )
        with session.interruptible(), session.measuring_progress() as on_progress:
            found = campaign.measure(
                request.out, header, plan, bench.timer, budget_s=request.budget_s,
                passes=request.passes, on_progress=on_progress, should_stop=session.should_stop,
            )  # fmt: skip
    except SpecError as error:
        return session.fail(EXIT_BAD_INPUT, str(error), error.to_dict())
    except (
        BadRequest, UnsupportedProblem, NoOperators, CannotMeasure, campaign.OtherMeasurement,
    ) as error:  # fmt: skip
        return session.fail(EXIT_BAD_INPUT, str(error))
    return _told(session, request, found)


def _header(how: How, runtime: Runtime, around: str) -> Header:
    from mathdesign.devices.header import Header

    return Header(
        "latency", "us", device=runtime.about(), runtime=how.runtime, threads=how.threads,
        batch=how.batch, date=datetime.date.today().isoformat(),
        versions=f"{runtime.versions}; {how.clock} clock; {around}",
        spread="interquartile range",
    )  # fmt: skip


def _told(session: Session, request: MeasureRequest, found: Measured) -> int:
    """What a run came to, and the model where one was asked for."""
    for key, why in found.refused.items():
        session.warn(why if why.startswith(key) else f"{key}: {why}")
    left = found.operators - found.done
    session.say(
        f"{found.done:,} of {found.operators:,} operators measured, {found.passes} passes complete"
        + (f"; {left:,} left: the same command goes on" if left else "")
    )
    if found.rows:
        session.say(f"wrote {request.out}")
    document: dict[str, Any] = {
        "table": str(request.out), "measured": found.done, "operators": found.operators,
        "passes": found.passes, "refused": dict(found.refused), "stopped": found.stopped,
    }  # fmt: skip
    if request.model is not None and found.rows:
        code = _fit_table(
            session, request.out, request.model, request.form, None, request.seed, document
        )
        if code:
            return code
    session.result(document)
    return EXIT_ROWS if found.stopped or not found.rows else 0


# ---- fit -----------------------------------------------------------------------------------------


def fit(session: Session, request: FitRequest) -> int:
    """The ``latency fit`` command on a table of operators; returns the exit status."""
    if request.whole or request.out is None:
        faults = [f"{option} without --target: accepted: --target too" for option in request.whole]
        faults += [] if request.out else ["no --out: accepted: the model's file, or --target too"]
        return session.fail(EXIT_BAD_INPUT, "\n".join(faults))
    refuse_folder(request.out.parent)
    document: dict[str, Any] = {}
    code = _fit_table(
        session, request.table, request.out, request.form, request.networks, request.seed, document
    )
    if not code:
        session.result(document)
    return code


def _fit_table(
    session: Session, path: Path, out: Path, form: str, networks: Path | None, seed: int,
    document: dict[str, Any],
) -> int:  # fmt: skip
    """A model at ``out``; where that ends in ``.csv``, the table itself, corrected."""
    from mathdesign.devices.model import write_model
    from mathdesign.devices.table import write_table
    from mathdesign.measuring.fitting import CannotFit, corrected, corrected_table
    from mathdesign.spec.faults import SpecError

    is_table = out.suffix.lower() == ".csv"
    try:
        _check_fit(path, out, form, networks)
        table = operators_of(path)
        if table.header.quantity != "latency":
            raise BadRequest(f"{path}: a table of energy; accepted: a table of latency")
        found = None if networks is None else _corrected(session, networks, document)
        if is_table and found is not None:
            write_table(out, *corrected_table(table, found))
        else:
            model = _fitted(session, table, form, seed, document)
            write_model(out, model if found is None else corrected(model, found))
    except SpecError as error:
        return session.fail(EXIT_BAD_INPUT, str(error), error.to_dict())
    except (BadRequest, CannotFit) as error:
        return session.fail(EXIT_BAD_INPUT, str(error))
    session.say(f"wrote {out}")
    document["table" if is_table else "model"] = str(out)
    return 0


def _check_fit(path: Path, out: Path, form: str, networks: Path | None) -> None:
    faults = []
    if form not in ("auto", "additive", "roofline"):
        faults.append(f"--form {form}: accepted: auto, additive, roofline")
    if out.suffix.lower() == ".csv" and networks is None:
        faults.append(
            f"--out {out}: a table is corrected by --networks; accepted: that, or a .yaml"
        )
    if out.resolve() == path.resolve():
        faults.append(f"--out {out}: the table itself; accepted: another file")
    if faults:
        raise BadRequest("\n".join(faults))


def _corrected(session: Session, networks: Path, document: dict[str, Any]) -> Correction:
    """What sums over operators miss, told."""
    from mathdesign.measuring.fitting import correction

    found = correction(*read_check(networks))
    document["correction"] = asdict(found)
    session.say(
        f"{found.networks} whole networks: median error {found.before:.1%} before, "
        f"{found.held_out:.1%} held out with factor {found.factor:.4g} and "
        f"{1e3 * found.base:.4g} ms a network"
    )
    return found


def _fitted(
    session: Session, table: CostTable, form: str, seed: int, document: dict[str, Any]
) -> CostModel:
    from mathdesign.measuring.fitting import fit_model

    seconds = seconds_of(table)
    if not seconds:
        raise BadRequest(
            f"{table.path}: no operators among its {len(table.rows):,} keys; accepted: a table of "
            "operators, or --target for a table of whole networks"
        )
    wanted: Wanted = form  # type: ignore[assignment]  # looked at by :func:`_check_fit`
    fitted = fit_model(seconds, table.header, wanted, seed)
    document |= _say_fit(session, fitted)
    return fitted.model


def _say_fit(session: Session, fitted: ModelFit) -> dict[str, Any]:
    for kind in fitted.kinds:
        held = "too few to hold out" if kind.held_out is None else f"{kind.held_out:.1%} held out"
        session.say(
            f"{kind.kind:>18}  {kind.operators:4} operators  error {kind.error:.1%}, {held}"
        )
    session.say(f"{fitted.model.form}; median held-out error of operators {fitted.held_out:.1%}")
    kinds = [asdict(kind) for kind in fitted.kinds]
    return {"form": fitted.model.form, "held_out": fitted.held_out, "kinds": kinds}


def seconds_of(table: CostTable) -> dict[Operator, float]:
    """Seconds of the operators in a table; options of slots and the base are left out."""
    from mathdesign.devices.header import STEP
    from mathdesign.devices.operators import OperatorError, parse_key

    step, found = float(STEP[table.header.quantity]), {}
    for key, row in table.rows.items():
        try:
            found[parse_key(key)] = row.cost * step
        except OperatorError:
            continue
    return {operator: seconds for operator, seconds in found.items() if seconds > 0}


def _few_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST_CSV_BYTES)


def read_check(path: Path) -> tuple[list[float], list[float]]:
    """Predicted and measured seconds of a file of ``latency check``. Raises :class:`BadRequest`."""
    data = _read(_few_bytes, path)
    rows = list(csv.DictReader(data.decode("utf-8-sig", "replace").splitlines()))
    faults: list[str] = []
    pairs: list[tuple[float, float]] = []
    if not rows or not {"predicted_ms", "measured_ms"} <= set(rows[0]):
        raise BadRequest(f"{path}: accepted: a {CHECK} of `mathdesign latency check`")
    for line, row in enumerate(rows, 2):
        try:
            pair = float(row["predicted_ms"]), float(row["measured_ms"])
        except (TypeError, ValueError):
            pair = (math.nan, math.nan)
        if all(math.isfinite(x) and x > 0 for x in pair):
            pairs.append((pair[0] / 1e3, pair[1] / 1e3))
        else:
            found = f"{row['predicted_ms']!r} and {row['measured_ms']!r}"
            faults.append(f"{path}:{line}: found {found}; accepted: milliseconds above 0")
    if faults:
        raise BadRequest("\n".join(faults))
    return [p for p, _ in pairs], [m for _, m in pairs]


# ---- check ---------------------------------------------------------------------------------------


def check(session: Session, request: CheckRequest) -> int:
    """The ``latency check`` command; returns the exit status."""
    require("torch", "torch")
    require("table", "matplotlib")
    from mathdesign.measuring.judging import MissingOperators, as_csv, plot
    from mathdesign.measuring.modules import CannotMeasure
    from mathdesign.solvers.base import UnsupportedProblem
    from mathdesign.spaces.kind import NoOperators
    from mathdesign.spec.faults import SpecError

    refuse_folder(request.out)
    try:
        found, drift_note = _judged(session, request)
    except SpecError as error:
        return session.fail(EXIT_BAD_INPUT, str(error), error.to_dict())
    except (
        BadRequest, UnsupportedProblem, NoOperators, CannotMeasure, MissingOperators,
    ) as error:  # fmt: skip
        return session.fail(EXIT_BAD_INPUT, str(error))
    for v in found.verdicts:
        session.say(
            f"{v.name:>24}  predicted {1e3 * v.predicted:9.3f} ms  measured {1e3 * v.measured:9.3f} ms"
            f"  error {v.error:+7.1%}"
        )
    session.say(
        f"{len(found.verdicts)} networks: median error {found.median:.1%}, worst {found.worst:.1%}, "
        f"bias {found.bias:+.1%}{drift_note}"
    )
    files = [write_atomic(request.out / CHECK, as_csv(found.verdicts))]
    title = f"{request.space.stem}, {request.costs.name}"
    files.append(write_atomic(request.out / PLOT, plot(found, title)))
    session.say("wrote " + ", ".join(map(str, files)))
    session.result(_document(found, files))
    if request.at_most is not None and found.median > request.at_most:
        words = f"median error {found.median:.1%}; accepted: at most {request.at_most:.1%}"
        return EXIT_CHECK_FAILED if session.json else session.fail(EXIT_CHECK_FAILED, words)
    return 0


def _judged(session: Session, request: CheckRequest) -> tuple[Judgement, str]:
    """Raises whatever :func:`check` tells."""
    from mathdesign.devices.timing import Protocol
    from mathdesign.measuring.calls import Bench, surroundings
    from mathdesign.measuring.judging import judge

    kind, posed = space_of(request.space)
    source = read_costs(request.costs)
    networks = _networks(kind, posed, request)
    runtime = request.how.open()
    _warn_of_another(session, source, request.how, runtime)
    rounds = Protocol(rounds=ROUNDS)
    first = next(iter(networks.values()))
    bench = Bench(runtime, surroundings(kind, first), request.how.batch, rounds)
    table = seconds_of(operators_of(request.table)) if request.table is not None else None
    session.say(f"{len(networks)} networks, {ROUNDS} rounds; {source.header.about()}")
    found = judge(bench, kind, networks, source, interpolate=request.interpolate, table=table)
    note = "" if found.drift is None else f"; operators of the table now {found.drift:+.1%}"
    return found, note


def read_costs(path: Path) -> Source:
    """A table where the name ends in ``.csv``, else a model.

    Raises :class:`SpecError`, and :class:`BadRequest` where the file cannot be read.
    """
    from mathdesign.devices.model import read_model

    return operators_of(path) if path.suffix.lower() == ".csv" else _read(read_model, path)


def operators_of(path: Path) -> CostTable:
    """A table of operators. Raises as :func:`read_costs`."""
    from mathdesign.devices.table import read_table

    return _read(read_table, path)


def _read(reader: Callable[[Path], T], path: Path) -> T:
    """What a reader makes of a file that was named on the command line."""
    try:
        return reader(path)
    except OSError as error:
        raise BadRequest(f"{path}: {error.strerror or error}; accepted: a file to read") from None


def _networks(kind: AnyKind, posed: Posed[Any], request: CheckRequest) -> Mapping[str, Any]:
    """The designs that were given, then random ones; by name."""
    from mathdesign.cli.reading import Unreadable, read_design
    from mathdesign.measuring.sampling import across

    found: dict[str, Any] = {}
    for path in request.designs:
        try:
            design = read_design(path)
        except Unreadable as error:
            raise BadRequest(str(error)) from None
        if design.kind is not kind:
            raise BadRequest(f"{path}: a design of another kind of space than {request.space}")
        name = design.name if design.name not in found else f"{design.name} {len(found) + 1}"
        found[name] = design.network
    for number, network in enumerate(across(kind, posed, request.count, request.seed), 1):
        found[f"random{number}"] = network
    if not found:
        raise BadRequest(f"{request.space}: no design was found that keeps the budgets")
    return found


def _warn_of_another(session: Session, source: Source, how: How, runtime: Runtime) -> None:
    """What the costs say of themselves that is not so here."""
    header = source.header
    here = {
        "device": runtime.about(), "runtime": how.runtime, "threads": how.threads, "batch": how.batch,
    }  # fmt: skip
    for name, value in here.items():
        said = getattr(header, name)
        if said not in ("", None, value):
            session.warn(f"{source.path}: {name} {said} there, {value} here")


def _document(found: Judgement, files: list[Path]) -> dict[str, Any]:
    return {
        "networks": [{**asdict(v), "error": v.error} for v in found.verdicts],
        "median_error": found.median, "worst_error": found.worst, "bias": found.bias,
        "drift": found.drift, "files": [str(path) for path in files],
    }  # fmt: skip
