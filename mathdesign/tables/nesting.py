r"""Nested budgets: what one row's answer proves about another.

Two requests that differ in their limits alone form a group. Row :math:`A` is *inside* row
:math:`B` when none of its limits is looser: :math:`\mathcal F_A \subseteq \mathcal F_B`. With
:math:`z^*` an optimum, :math:`z` a found objective and :math:`u` a valid bound,

.. math:: z_A \le z^*_A = \max_{\mathcal F_A} f \le \max_{\mathcal F_B} f = z^*_B \le u_B .

Hence (1) :math:`\min_{B \supseteq A} u_B` is a valid bound for :math:`A`, (2) a design of
:math:`A` is feasible for :math:`B`, thus a warm start, and (3) :math:`z_A > u_B` is impossible:
one of the two certificates is wrong, as is a design inside a row that is proven infeasible.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mathdesign.solvers.base import relative_gap, status_of
from mathdesign.tables.frame import DESIGNED
from mathdesign.tables.store import Result

#: Objectives and bounds are compared with this relative tolerance, that of the certificates.
TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Violation:
    """A row whose design is better than a looser row's bound allows: a wrong certificate."""

    inner: str
    outer: str
    found: str

    def __str__(self) -> str:
        return f"rows {self.inner} and {self.outer}: {self.found}"


def nesting_of(request: Mapping[str, Any]) -> str:
    """The group and the limits of a canonical request, as JSON: ``[group, [[name, limit], ...]]``.

    The group is a hash of all but the limits and the solver's settings. A limit is written so
    that smaller is tighter: minimum budgets change their sign.
    """
    rest = {k: v for k, v in request.items() if k not in ("name", "budgets", "solve", "validate")}
    limits: dict[str, float] = {}
    words: dict[str, Any] = {}
    for metric, given in (request.get("budgets") or {}).items():
        sides = given.values() if isinstance(given, Mapping) else [given]
        if any(isinstance(side, str) for side in sides):
            # With a unit: they nest only where they are written alike, no double orders them exactly.
            words[metric] = given
        elif isinstance(given, Mapping):
            if given.get("max") is not None:
                limits[f"{metric}.max"] = given["max"]
            if given.get("min") is not None:
                limits[f"{metric}.min"] = -given["min"]
        elif given is not None:
            limits[metric] = given
    if words:
        rest["in words"] = words
    group = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
    return json.dumps([group, sorted(limits.items())])


def tightened(results: Mapping[str, Result]) -> tuple[dict[str, Result], list[Violation]]:
    """The results with the best bound that any looser row proves, and the violations.

    The outcome depends on the set of results alone, not on the order in which they came.
    """
    found = dict(results)
    violations: list[Violation] = []
    for members in _groups(results.values()).values():
        requests, limits, objective, bound = _arrays(members)
        for i, request in enumerate(requests):
            outer = np.flatnonzero((limits[i] <= limits).all(axis=1))
            if not len(outer):
                continue
            if objective[i] > -math.inf:
                slack = TOLERANCE * max(abs(objective[i]), 1.0)
                wrong = outer[bound[outer] < objective[i] - slack]
                violations += [_violation(found[request], found[requests[j]]) for j in wrong]
            least = float(bound[outer].min())
            if -math.inf < least < bound[i] and objective[i] > -math.inf:
                found[request] = _with_bound(found[request], max(least, float(objective[i])))
    return found, violations


def _groups(results: Iterable[Result]) -> dict[str, list[tuple[Result, dict[str, float]]]]:
    groups: dict[str, list[tuple[Result, dict[str, float]]]] = defaultdict(list)
    for result in sorted(results, key=lambda r: r.request):
        if result.nesting and result.status in (*DESIGNED, "infeasible"):
            group, limits = json.loads(result.nesting)
            groups[group].append((result, dict(limits)))
    return groups


def _arrays(
    members: Sequence[tuple[Result, dict[str, float]]],
) -> tuple[list[str], Any, Any, Any]:
    """Requests, limits (rows x names; no limit is infinite), objectives, bounds.

    No design: objective -inf; infeasible: bound -inf; nothing proven: bound inf.
    """
    names = sorted({name for _, limits in members for name in limits})
    limits = np.array([[given.get(n, math.inf) for n in names] for _, given in members])
    objective = np.array([-math.inf if r.objective is None else r.objective for r, _ in members])
    bound = np.array([_bound(r) for r, _ in members])
    return [r.request for r, _ in members], limits.reshape(len(members), -1), objective, bound


def _bound(result: Result) -> float:
    if result.status == "infeasible":
        return -math.inf
    return math.inf if result.bound is None else result.bound


def _with_bound(result: Result, bound: float) -> Result:
    status = status_of(result.objective, bound, result.gap_target or 0.0)
    gap = relative_gap(result.objective, bound)
    return replace(result, bound=bound, gap=gap, status=status.value)


def _violation(inner: Result, outer: Result) -> Violation:
    limit = "is proven infeasible" if outer.bound is None else f"has the bound {outer.bound!r}"
    found = (
        f"the first reaches {inner.objective!r}, but the second, whose limits are looser, {limit}"
    )
    return Violation(inner.request, outer.request, found)
