"""The rows of a report, as text, shared by the terminal and the HTML page."""

from __future__ import annotations

from mathdesign.certificate import BudgetUse
from mathdesign.result import Design

BUDGET_HEADER = ("budget", "used", "limit", "slack", "binding")


def budget_rows(design: Design) -> list[tuple[str, ...]]:
    """One row per budget: used, limit, slack with its share of the limit, binding or not."""
    return [
        (use.metric, number(use.used), _limit(use), _slack(use), "yes" if use.binding else "no")
        for use in design.budgets
    ]


def figure_rows(design: Design) -> list[tuple[str, str]]:
    """Label and text of everything else worth reading. A metric of 0 is told if it is limited."""
    certificate, kind = design.certificate, design.kind
    limited = {use.metric for use in design.budgets}
    of = kind.proven_of(design.figures)
    rows = [(m, f"{value:,}") for m, value in design.metrics.items() if value or m in limited]
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
    }.get(status, status)
    stopped = termination.replace("_", " ")
    return words if termination == "completed" else f"{words} (stopped: {stopped})"


def gap_text(gap: float | None) -> str:
    """A relative gap in percent."""
    return "unknown" if gap is None else f"{gap:.4%}"


def number(value: float) -> str:
    """Integers with thousands separators, reals to six digits."""
    return f"{int(value):,}" if float(value).is_integer() else f"{value:.6f}"


def _limit(use: BudgetUse) -> str:
    sides = []
    if use.lower is not None:
        sides.append(f">= {number(use.lower)}")
    if use.upper is not None:
        sides.append(f"<= {number(use.upper)}")
    return ", ".join(sides)


def _slack(use: BudgetUse) -> str:
    limit = use.upper if use.upper is not None else use.lower
    share = f" ({use.slack / limit:.2%})" if limit else ""
    return number(use.slack) + share
