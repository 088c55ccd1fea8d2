"""The answer: a transformer, its exact costs, the certificate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

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
from mathdesign.spaces.transformer.network import Transformer
from mathdesign.spaces.transformer.network_faults import ArchitectureError

if TYPE_CHECKING:
    from torch import nn

FORMAT = 1


@dataclass(frozen=True, slots=True)
class TransformerDesign:
    """A network with its figures, budgets and certificate. ``entropy`` in nats."""

    network: Transformer
    metrics: Mapping[str, int]
    entropy: float
    effectiveness: float
    budgets: tuple[BudgetUse, ...]
    certificate: Certificate
    request: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name given in the request."""
        return self.network.name

    def build(self) -> nn.Module:
        """The network as a plain ``torch.nn`` module. Raises ``CannotBuild``."""
        from mathdesign.export.transformer.module import build

        return build(self.network)

    def source(self) -> str:
        """Python source of a module that builds the network with torch alone."""
        from mathdesign.export.transformer.module import source

        return source(self.network, objective=self.certificate.objective)

    def to_dict(self) -> dict[str, Any]:
        """Words, numbers, lists and mappings only."""
        return {
            "format": FORMAT,
            "network": plain(self.network.to_dict()),
            "metrics": dict(self.metrics),
            "entropy": self.entropy,
            "effectiveness": self.effectiveness,
            "budgets": [asdict(use) for use in self.budgets],
            "certificate": asdict(self.certificate),
            "request": plain(self.request),
        }

    @classmethod
    def from_dict(cls, data: object) -> TransformerDesign:
        """Inverse of :meth:`to_dict`; raises :class:`DesignError`."""
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise DesignError(f"not a design of format {FORMAT}")
        numbers = ("entropy", "effectiveness")
        try:
            found = finite_numbers({k: data[k] for k in numbers}, numbers)
            return cls(
                network=Transformer.from_dict(data["network"]),
                metrics={str(k): int(v) for k, v in data["metrics"].items()},
                budgets=tuple(BudgetUse(**finite_numbers(b, USE_NUMBERS)) for b in data["budgets"]),
                certificate=Certificate(**finite_numbers(data["certificate"], CERTIFICATE_NUMBERS)),
                request=dict(data["request"]),
                **found,
            )
        except ArchitectureError as error:
            raise DesignError(f"network: {error}") from error
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise DesignError(f"not a complete design: {error}") from error

    def to_json(self) -> str:
        """JSON text; equal designs give equal bytes."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def to_yaml(self) -> str:
        """YAML text; equal designs give equal bytes."""
        return yaml_text(self.to_dict())
