"""What a table's page knows, as plain data: columns, architectures, budgets, certificates.

Values are stored column by column, an architecture that several rows share is stored once, and
what only an opened row shows is one line of JSON a row, parsed when it is asked for.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from mathdesign.kinds import kind_of
from mathdesign.report.drawing import StageView, colour_of, stages_of
from mathdesign.report.rows import status_words
from mathdesign.spaces.convnet.families import FAMILIES
from mathdesign.spaces.errors import NetworkError
from mathdesign.tables.pareto import Axis, on_front

if TYPE_CHECKING:
    from pandas import DataFrame, Series

#: A page holds no more rows: the front first, then in the table's order. It says so.
LARGEST_PAGE_ROWS = 100_000
#: How a column is written; what is not listed is decided by its values.
KINDS = {
    "params": "count", "macs": "count", "blocks": "whole", "gap": "share", "solve_s": "seconds",
    "objective": "real", "bound": "real", "effectiveness": "real",
}  # fmt: skip
#: Columns that an opened row shows and the table at first does not.
HIDDEN = frozenset(
    {
        "reason",
        "bound",
        "backend",
        "request_sha256",
        "folder",
        "effectiveness",
        "pareto",
        "entropy",
        "depth_penalty",
    }
)
#: Columns of the answer; all others are what was asked, except those of the row itself.
FIGURES = ("objective", "bound", "gap", "params", "macs", "blocks", "effectiveness", "solve_s")
OF_THE_ROW = ("name", "status", "reason", "pareto", "backend", "request_sha256", "folder")
FRONT = "pareto"


@dataclass(slots=True)
class Interned:
    """Distinct values in order of appearance; ``place`` gives each value's position."""

    values: list[Any] = field(default_factory=list)
    _places: dict[Hashable, int] = field(default_factory=dict)

    def place(self, key: Hashable, value: Any = None) -> int:
        """Where ``key`` is; its ``value`` (the key itself, if None) is kept when it is new."""
        if key not in self._places:
            self._places[key] = len(self.values)
            self.values.append(key if value is None else value)
        return self._places[key]


@dataclass(frozen=True, slots=True)
class Payload:
    """The table, the architectures (a line each) and the budgets of each row (a line each)."""

    table: dict[str, Any]
    architectures: list[str]
    budgets: list[str]


def payload(
    frame: DataFrame, designs: Mapping[str, Mapping[str, Any]], metrics: Sequence[str]
) -> Payload:
    """What the page of ``frame`` holds.

    A row's design is looked up by its ``request_sha256``, else by its ``name``; a row that has
    none is shown with its status and reason.
    """
    front = on_front(frame, metrics)
    chosen = _chosen(front)
    shown = frame.iloc[chosen]
    architectures, certificates = Interned(), Interned()
    architecture_of, certificate_of, budgets = [], [], []
    answers = set(FIGURES)
    for design in _designs(shown, designs):
        if design is None:
            architecture_of.append(-1)
            certificate_of.append(-1)
            budgets.append("[]")
            continue
        answers |= _metrics(design)
        line = _architecture(design.get("network"))
        architecture_of.append(architectures.place(line))
        certificate = _certificate(design.get("certificate"))
        certificate_of.append(certificates.place(_line(certificate), certificate))
        budgets.append(_line(_budgets(design)))
    table = {
        "rows": len(shown),
        "left_out": len(frame) - len(shown),
        # A family has the same colour in the plot as in the drawings.
        "colours": {family: colour_of(family) for family in FAMILIES},
        "axes": [{"column": a.column, "maximise": a.maximise} for a in map(Axis.parse, metrics)],
        "columns": [
            *(_column(str(n), shown[n], answers) for n in shown.columns if n != FRONT),
            _words(FRONT, ["yes" if flag else "" for flag in front[chosen]], answers),
        ],
        "architecture": architecture_of,
        "certificate": certificate_of,
        "certificates": certificates.values,
    }
    return Payload(table, architectures.values, budgets)


def _chosen(front: Any) -> Any:
    """The positions of the rows that the page holds, in order."""
    if len(front) <= LARGEST_PAGE_ROWS:
        return np.arange(len(front))
    first = np.argsort(~front, kind="stable")[:LARGEST_PAGE_ROWS]
    return np.sort(first)


def _designs(
    frame: DataFrame, designs: Mapping[str, Mapping[str, Any]]
) -> list[Mapping[str, Any] | None]:
    keys = [frame[c] for c in ("request_sha256", "name") if c in frame]
    return [
        next((designs[key] for key in row if isinstance(key, str) and key in designs), None)
        for row in zip(*keys)
    ]


def _metrics(design: Mapping[str, Any]) -> set[str]:
    """The columns that a design's metrics and figures have."""
    given = design.get("metrics")
    names = {str(name) for name in given} if isinstance(given, Mapping) else set()
    names |= {str(k) for k, v in design.items() if isinstance(v, float)} | {"predicted"}
    return names | {f"metric.{name}" for name in names}


def _column(name: str, values: Series, answers: Collection[str]) -> dict[str, Any]:
    """A column as numbers, or as distinct words and their codes."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if name == "folder":
        return _words(name, [inside(value) for value in values.tolist()], answers)
    plain = [None if _missing(value) else value for value in values.tolist()]
    numeric = is_numeric_dtype(values) and not is_bool_dtype(values)
    if numeric or (any(v is not None for v in plain) and all(map(_number_or_none, plain))):
        numbers = [_finite(value) for value in plain]
        kind = KINDS.get(name) or _kind(numbers)
        return {**_about(name, answers), "kind": kind, "values": numbers}
    return _words(name, ["" if value is None else str(value) for value in plain], answers)


def _words(name: str, values: Sequence[str], answers: Collection[str]) -> dict[str, Any]:
    words = Interned()
    codes = [words.place(value) for value in values]
    return {**_about(name, answers), "kind": "text", "words": words.values, "codes": codes}


def _about(name: str, answers: Collection[str]) -> dict[str, Any]:
    part = "answer" if name in answers else "row" if name in OF_THE_ROW else "request"
    return {
        "name": name,
        "part": part,
        "shown": name not in HIDDEN,
        "maximise": Axis.parse(name).maximise,
    }


def _kind(numbers: Sequence[float | int | None]) -> str:
    """Large integers are counts (1.82G), small ones are written out, the rest are reals."""
    some = [number for number in numbers if number is not None]
    if any(number != int(number) for number in some):
        return "real"
    return "count" if max(map(abs, some), default=0) >= 100_000 else "whole"


def _missing(value: Any) -> bool:
    """None, NaN, NaT or pandas' NA: the only values that do not equal themselves."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        return True


def _number_or_none(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _finite(value: Any) -> float | int | None:
    if value is None or not math.isfinite(value):
        return None
    return int(value) if float(value).is_integer() else float(value)


def inside(folder: Any) -> str:
    """``folder`` if it is a relative path that stays below the page, else no folder at all."""
    if not isinstance(folder, str) or not folder or "\\" in folder or ":" in folder:
        return ""
    path = PurePosixPath(folder)
    return "" if path.is_absolute() or ".." in path.parts else str(path)


def _architecture(network: Any) -> str:
    """One line: the stages, or the words of a network that has none."""
    if not isinstance(network, Mapping):
        return "[]"
    stages = stages_of(network)
    if not stages:
        words = {str(k): v for k, v in network.items() if k != "name"}
        return json.dumps({"text": words}, default=str)
    return _line([_stage(stage) for stage in stages])


def _stage(stage: StageView) -> list[Any]:
    return [
        stage.name, stage.role, stage.family, stage.colour, stage.prev, stage.width, stage.depth,
        stage.stride, stage.resolution_in, stage.resolution_out, stage.others,
    ]  # fmt: skip


def _budgets(design: Mapping[str, Any]) -> list[list[Any]]:
    """Metric, used, upper and lower limit of each budget; what is built, where that is otherwise."""
    found, built = [], _built(design)
    budgets = design.get("budgets")
    for budget in budgets if isinstance(budgets, list | tuple) else ():
        if isinstance(budget, Mapping):
            metric = str(budget.get("metric", ""))
            figures = [_figure(budget.get(key)) for key in ("used", "upper", "lower")]
            more = [built[metric]] if built.get(metric, figures[0]) != figures[0] else []
            found.append([metric, *figures, *more])
    return found


def _built(design: Mapping[str, Any]) -> Mapping[str, int]:
    """Metrics of the built module, where a counting profile leaves something out."""
    request = design.get("request")
    if not isinstance(request, Mapping) or (kind := kind_of(request)).counts_as_built(request):
        return {}
    try:
        return kind.as_built(kind.network_from(design))
    except (NetworkError, KeyError, TypeError, ValueError):
        return {}  # no network of ours: the page shows what there is


def _certificate(given: Any) -> dict[str, Any]:
    """What many rows have in common: the words of the status, the target, the versions."""
    certificate: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    target = _figure(certificate.get("gap_target")) or 0.0
    versions = certificate.get("versions")
    return {
        "status": status_words(
            str(certificate.get("status", "unknown")),
            str(certificate.get("termination", "unknown")),
            target,
        ),
        "gap_target": target,
        "seed": _figure(certificate.get("seed")),
        "versions": {str(k): str(v) for k, v in versions.items()}
        if isinstance(versions, Mapping)
        else {},
    }


def _figure(value: Any) -> float | int | None:
    return _finite(value) if value is not None and _number_or_none(value) else None


def _line(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
