"""Two designs side by side, as rows of text: what every output of ``compare`` shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import zip_longest
from typing import Any

from mathdesign.result import Design
from mathdesign.spec.quantities import counted

#: Figures that mean something only beside the same objective.
OF_OBJECTIVE = frozenset({"objective", "bound", "entropy", "depth_penalty", "volume"})
LONGEST = 80
#: So many differences of what was asked are told.
MOST_TOLD = 3


@dataclass(frozen=True, slots=True)
class Line:
    """One thing in both designs; ``change`` is what the second adds, relative, for numbers."""

    section: str
    what: str
    first: str
    second: str
    change: str = ""

    @property
    def differs(self) -> bool:
        """Whether the designs differ in it."""
        return self.first != self.second


def comparison(first: Design, second: Design) -> list[Line]:
    """Every line of the two designs: figures, certificate, then stage by stage."""
    return [*_figures(first, second), *_stages(first, second)]


def objectives_differ(first: Design, second: Design) -> str:
    """Why the two objectives cannot be compared; empty where they can."""
    if first.kind.name != second.kind.name:
        return f"one design is of {first.kind.name}, the other of {second.kind.name}"
    what = "objective", "counting", "at", "linear_metrics"
    asked = [{key: design.request.get(key) for key in what} for design in (first, second)]
    differing = [
        place for key in what for place in _differing((key,), asked[0][key], asked[1][key])
    ]
    told = [f"`{place}` is {_short(a)} and {_short(b)}" for place, a, b in differing[:MOST_TOLD]]
    more = f" and {len(differing) - MOST_TOLD} more" if len(differing) > MOST_TOLD else ""
    if told:
        return "; ".join(told) + more
    # Two folders of one name may hold two predictors; designs of before do not tell.
    about = [design.figures.get("predictor") or {} for design in (first, second)]
    hashes = [figures.get("sha256") for figures in about]
    if None not in hashes and hashes[0] != hashes[1]:
        return "their predictors differ, if in folders of one name"
    return ""


def _differing(path: tuple[str, ...], a: Any, b: Any) -> list[tuple[str, Any, Any]]:
    """The innermost keys that differ, dotted, with what either side has there."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        keys = dict.fromkeys([*a, *b])
        return [found for k in keys for found in _differing((*path, str(k)), a.get(k), b.get(k))]
    return [] if a == b else [(".".join(path), a, b)]


def _short(words: Any) -> str:
    text = "unset" if words is None else json.dumps(words, default=str, sort_keys=True)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _figures(first: Design, second: Design) -> list[Line]:
    a, b = _numbers(first), _numbers(second)
    alike, units = not objectives_differ(first, second), (_units(first), _units(second))
    lines = []
    for name in dict.fromkeys([*a, *b]):
        left, right = a.get(name), b.get(name)
        change = ""
        comparable = alike or name not in OF_OBJECTIVE
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if not comparable and left is not None and right is not None:
            change = "another objective"
        elif numbers and left:
            change = f"{_relative(left, right):+.2%}" if right != left else ""
        before, after = (_text(v, own.get(name, "")) for v, own in zip((left, right), units))
        lines.append(Line("figures", name, before, after, change))
    return lines


def _units(design: Design) -> dict[str, str]:
    """What integers are steps of, limits among them."""
    own = design.units
    return own | {f"{metric} limit": unit for metric, unit in own.items()}


def _relative(left: Any, right: Any) -> float:
    """What ``right`` adds, of ``left``; exact until the division (integers may be of any size)."""
    return float((Fraction(right) - Fraction(left)) / abs(Fraction(left)))


def _numbers(design: Design) -> dict[str, Any]:
    """Status, objective, bound, gap, metrics and the other figures of a design."""
    data = design.to_dict()
    certificate = asdict(design.certificate)
    found = {key: certificate[key] for key in ("status", "objective", "bound", "gap", "backend")}
    found.update(data.get("metrics") or {})
    for key, value in data.items():
        if isinstance(value, float):
            found[key] = value
    budgets = data.get("budgets") or ()
    for use in budgets:
        if isinstance(use, Mapping) and use.get("upper") is not None:
            found[f"{use['metric']} limit"] = use["upper"]
    return found


def _text(value: Any, unit: str = "") -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return counted(value, unit)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _stages(first: Design, second: Design) -> list[Line]:
    """The rows of the designs' first table, matched by their place."""
    a, b = (_table(design) for design in (first, second))
    lines = []
    for left, right in zip_longest(a, b):
        label = (left or right or ("",))[0]
        lines.append(Line("stages", label, _joined(left), _joined(right)))
    return lines


def _table(design: Design) -> list[tuple[str, ...]]:
    table = design.kind.table(design.network)
    header = [str(word) for word in table.header]
    return [
        (row[0], *(f"{h} {cell}" for h, cell in zip(header[1:], row[1:]) if cell))
        for row in table.rows
    ]


def _joined(row: tuple[str, ...] | None) -> str:
    return "-" if row is None else ", ".join(row[1:])
