"""Two designs side by side, as rows of text: what every output of ``compare`` shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

from mathdesign.result import Design


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


def _figures(first: Design, second: Design) -> list[Line]:
    a, b = _numbers(first), _numbers(second)
    lines = []
    for name in dict.fromkeys([*a, *b]):
        left, right = a.get(name), b.get(name)
        change = ""
        if isinstance(left, int | float) and isinstance(right, int | float) and left:
            change = f"{(right - left) / abs(left):+.2%}" if right != left else ""
        lines.append(Line("figures", name, _text(left), _text(right), change))
    return lines


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


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
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
