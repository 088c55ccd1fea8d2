"""The answer over option lists: the chosen options, their costs, the certificate, who predicted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mathdesign.files import yaml_text
from mathdesign.result import (
    CERTIFICATE_NUMBERS,
    USE_NUMBERS,
    BudgetUse,
    Certificate,
    DesignError,
    finite_numbers,
    plain,
)

FORMAT = 1


@dataclass(frozen=True, slots=True)
class ListDesign:
    """Options by slot with their exact costs. ``predictor`` says what the objective is worth.

    It holds the target, the cross-validated ``tau`` and ``rmse`` (in the target's unit) and the
    number of rows; it is empty where a metric was maximised.
    """

    name: str
    options: Mapping[str, str]
    metrics: Mapping[str, int]
    budgets: tuple[BudgetUse, ...]
    predictor: Mapping[str, Any]
    certificate: Certificate
    request: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Words, numbers, lists and mappings only."""
        return {
            "format": FORMAT,
            "name": self.name,
            "options": dict(self.options),
            "metrics": dict(self.metrics),
            "budgets": [asdict(use) for use in self.budgets],
            "predictor": dict(self.predictor),
            "certificate": asdict(self.certificate),
            "request": plain(self.request),
        }

    @classmethod
    def from_dict(cls, data: object) -> ListDesign:
        """Inverse of :meth:`to_dict`; raises :class:`DesignError`."""
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise DesignError(f"not a design of format {FORMAT}")
        try:
            return cls(
                name=str(data["name"]),
                options={str(k): str(v) for k, v in data["options"].items()},
                metrics={str(k): int(v) for k, v in data["metrics"].items()},
                budgets=tuple(BudgetUse(**finite_numbers(b, USE_NUMBERS)) for b in data["budgets"]),
                predictor=dict(data["predictor"]),
                certificate=Certificate(**finite_numbers(data["certificate"], CERTIFICATE_NUMBERS)),
                request=dict(data["request"]),
            )
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise DesignError(f"not a complete design: {error}") from error

    def to_json(self) -> str:
        """JSON text; equal designs give equal bytes."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def to_yaml(self) -> str:
        """YAML text; equal designs give equal bytes."""
        return yaml_text(self.to_dict())
