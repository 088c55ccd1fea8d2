"""How good an answer is and who says so, and what it uses of each budget. Plain frozen data."""

from __future__ import annotations

import functools
import importlib.metadata
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mathdesign.solvers.base import Solution, Status, Termination
from mathdesign.spec.blocks import Specification

#: Packages whose versions can change an answer.
VERSIONED = ("mathdesign", "numpy", "highspy", "scipy", "numba")
#: A budget is called binding when less than this share of it is left.
BINDING_SHARE = 0.01
USE_NUMBERS = ("used", "upper", "lower")
CERTIFICATE_WORDS = ("status", "termination", "backend", "request_sha256")
#: Of a network that nobody sought: it is a point of its space, and nothing is proven of it.
GIVEN = "given"
#: The backend of what was not sought.
NOBODY = "none"
#: What the certificate of a design may say.
DESIGN_STATUSES = (Status.OPTIMAL.value, Status.WITHIN_GAP.value, Status.FEASIBLE.value, GIVEN)
CERTIFICATE_NUMBERS = ("objective", "bound", "gap", "gap_target", "seed")


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """What a design uses of one budget, in the metric's unit. A missing side is ``None``."""

    metric: str
    used: float
    upper: float | None = None
    lower: float | None = None

    @classmethod
    def read(cls, data: Any) -> BudgetUse:
        """From a design file. Raises ``ValueError`` or ``TypeError`` for what is none."""
        given = finite_numbers(data, USE_NUMBERS)
        if not isinstance(given.get("metric"), str) or given.get("used") is None:
            raise ValueError(f"budgets: found {data!r}, accepted: a metric and what is used of it")
        return cls(**given)

    @property
    def slack(self) -> float:
        """Distance to the nearer limit; never negative in a checked design."""
        sides = []
        if self.upper is not None:
            sides.append(self.upper - self.used)
        if self.lower is not None:
            sides.append(self.used - self.lower)
        return min(sides) if sides else math.inf

    @property
    def binding(self) -> bool:
        """Less than 1% of the nearer limit is left."""
        limits = [abs(side) for side in (self.upper, self.lower) if side is not None]
        return bool(limits) and self.slack <= BINDING_SHARE * max(limits)


@dataclass(frozen=True, slots=True)
class Certificate:
    """How good the answer is, and who says so.

    ``bound`` is an upper bound on the objective of every design that satisfies the request
    (``None``: the backend proves nothing); ``gap`` is ``(bound - objective) / max(|objective|, 1)``.
    ``status`` is one of optimal, within_gap, feasible, given; ``termination`` says why the search
    stopped.
    """

    status: str
    termination: str
    objective: float
    bound: float | None
    gap: float | None
    gap_target: float
    backend: str
    seed: int
    request_sha256: str
    versions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: Specification, solution: Solution, objective: float) -> Certificate:
        """What a solver's answer to ``spec`` is worth; ``objective`` as it was counted again."""
        proves = math.isfinite(solution.bound)
        return cls(
            status=solution.status.value,
            termination=solution.termination.value,
            objective=objective,
            bound=max(solution.bound, objective) if proves else None,
            gap=solution.gap if proves else None,
            gap_target=spec.solve.gap,
            backend=solution.backend,
            seed=spec.solve.seed,
            request_sha256=spec.content_hash(),
            versions=dict(versions()),
        )

    @classmethod
    def of_given(cls, spec: Specification, objective: float) -> Certificate:
        """Of a network that was given, not sought: what it is worth, and no bound."""
        found = Solution(NOBODY, Status.FEASIBLE, Termination.COMPLETED, None, objective)
        return replace(cls.of(spec, found, objective), status=GIVEN)

    @classmethod
    def read(cls, data: Any) -> Certificate:
        """From a design file. Raises ``ValueError`` or ``TypeError`` for what is none."""
        given = finite_numbers(data, CERTIFICATE_NUMBERS)
        for name in CERTIFICATE_WORDS:
            if not isinstance(given.get(name), str):
                raise ValueError(f"{name}: found {given.get(name)!r}, accepted: text")
        if given["status"] not in DESIGN_STATUSES:
            accepted = ", ".join(DESIGN_STATUSES)
            raise ValueError(f"status: found {given['status']!r}, accepted: {accepted}")
        for name in ("objective", "gap_target", "seed"):
            if given.get(name) is None:
                raise ValueError(f"{name}: found nothing, accepted: a finite number")
        versions = given.get("versions", {})
        if not isinstance(versions, Mapping):
            raise ValueError(f"versions: found {versions!r}, accepted: a mapping")
        return cls(**{**given, "versions": {str(k): str(v) for k, v in versions.items()}})

    @property
    def proven(self) -> bool:
        """Optimal, or within the requested gap."""
        return self.status in ("optimal", "within_gap")


@functools.cache
def versions() -> dict[str, str]:
    """Versions of the packages that can change an answer, those that are installed."""
    found = {}
    for package in VERSIONED:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def finite_numbers(data: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """``data`` if its entries called ``names`` are finite numbers or None, else ``ValueError``."""
    if not isinstance(data, Mapping):
        raise ValueError(f"found {data!r}, accepted: a mapping")
    for name in names:
        value = data.get(name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (number and math.isfinite(value)):
            raise ValueError(f"{name}: found {value!r}, accepted: a finite number")
    return dict(data)
