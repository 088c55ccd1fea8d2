"""The rows of a report, as text, shared by the terminal and the HTML page."""

from __future__ import annotations

from mathdesign.certificate import BudgetUse
from mathdesign.result import Design
from mathdesign.solvers.base import gap_text
from mathdesign.spec.quantities import counted

BUDGET_HEADER = ("budget", "used", "limit", "slack", "binding")
AS_BUILT = "as built"


def budget_table(design: Design) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and one row per budget: used, limit, slack with its share of the limit, binding or not.

    Where a counting profile leaves something out, what is built stands beside what is counted.
    """
    units = design.units
    rows: list[tuple[str, ...]] = []
    for use in design.budgets:
        unit = units.get(use.metric, "")
        cells = number(use.used, unit), _limit(use, unit), _slack(use, unit)
        rows.append((use.metric, *cells, "yes" if use.binding else "no"))
    built = otherwise_built(design)
    if not built.keys() & {use.metric for use in design.budgets}:
        return BUDGET_HEADER, rows
    shown = [number(built.get(use.metric, use.used)) for use in design.budgets]
    header = (*BUDGET_HEADER[:2], AS_BUILT, *BUDGET_HEADER[2:])
    return header, [(*row[:2], cell, *row[2:]) for row, cell in zip(rows, shown)]


def otherwise_built(design: Design) -> dict[str, int]:
    """The metrics that the built network has otherwise than they were counted."""
    if design.kind.counts_as_built(design.request):
        return {}
    built = design.kind.as_built(design.network)
    return {m: n for m, n in built.items() if design.metrics.get(m, n) != n}


def figure_rows(design: Design) -> list[tuple[str, str]]:
    """Label and text of everything else worth reading. A metric of 0 is told if it is limited."""
    certificate, kind = design.certificate, design.kind
    limited = {use.metric for use in design.budgets}
    of = kind.proven_of(design.figures)
    built, units = otherwise_built(design), design.units
    rows = [
        (
            m,
            counted(value, units.get(m, ""))
            + (f" counted, {built[m]:,} {AS_BUILT}" if m in built else ""),
        )
        for m, value in design.metrics.items()
        if value or m in limited
    ]
    rows += kind.figure_rows(design.figures)
    rows += [
        ("objective", f"{certificate.objective:.6f}" + kind.beside(design.figures, "objective")),
        ("bound", "none" if certificate.bound is None
         else f"{certificate.bound:.6f}" + kind.beside(design.figures, "bound")),
        ("gap", gap_text(certificate.gap)),
        ("status", status_text(design) + (f", of {of}" if of else "")),
        ("backend", f"{certificate.backend}, seed {certificate.seed}"),
    ]  # fmt: skip
    return rows


def status_text(design: Design) -> str:
    """The status in words; a stopped search is never called optimal."""
    certificate = design.certificate
    return status_words(certificate.status, certificate.termination, certificate.gap_target)


def status_words(status: str, termination: str, gap_target: float) -> str:
    """The same for a status and a termination as a design file names them."""
    words = {
        "optimal": "proven optimal",
        "within_gap": f"proven within {gap_target:.4g} of the optimum",
        "feasible": "feasible, not proven optimal",
        "given": "a given network, not designed: nothing is proven of it",
    }.get(status, status)
    stopped = termination.replace("_", " ")
    return words if termination == "completed" else f"{words} (stopped: {stopped})"


def number(value: float, unit: str = "") -> str:
    """Integers with thousands separators (steps of ``unit`` in its words), reals to six digits."""
    if isinstance(value, int) or value.is_integer():
        return counted(int(value), unit)
    return f"{value:.6f}"


def _limit(use: BudgetUse, unit: str) -> str:
    sides = []
    if use.lower is not None:
        sides.append(f">= {number(use.lower, unit)}")
    if use.upper is not None:
        sides.append(f"<= {number(use.upper, unit)}")
    return ", ".join(sides)


def _slack(use: BudgetUse, unit: str) -> str:
    limit = use.upper if use.upper is not None else use.lower
    share = f" ({use.slack / limit:.2%})" if limit else ""
    return number(use.slack, unit) + share
