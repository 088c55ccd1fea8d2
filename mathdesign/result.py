"""The answer: a network, what it uses of each budget, and a certificate of how good it is.

Plain frozen data. ``Design.to_yaml`` and ``to_json`` are byte-stable, and reading one back gives
an equal design: no wall-clock time, machine name or memory address is in it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mathdesign.files import yaml_text
from mathdesign.kinds import kind_of_answer
from mathdesign.spaces.convnet.network import Network, NetworkError

if TYPE_CHECKING:
    from torch import nn

FORMAT = 1
#: A budget is called binding when less than this share of it is left.
BINDING_SHARE = 0.01
#: A design file is small; anything larger is not one.
LARGEST_FILE_BYTES = 1 << 20


USE_NUMBERS = ("used", "upper", "lower")
CERTIFICATE_NUMBERS = ("objective", "bound", "gap", "gap_target", "seed")


class DesignError(ValueError):
    """A file or mapping that is not a design; the message says where and why."""


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """What a design uses of one budget, in the metric's unit. A missing side is ``None``."""

    metric: str
    used: float
    upper: float | None = None
    lower: float | None = None

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
    ``status`` is one of optimal, within_gap, feasible; ``termination`` says why the search stopped.
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

    @property
    def proven(self) -> bool:
        """Optimal, or within the requested gap."""
        return self.status in ("optimal", "within_gap")


class Answer(Protocol):
    """What finished designs of every kind have."""

    @property
    def name(self) -> str:
        """The name given in the request."""

    @property
    def certificate(self) -> Certificate:
        """How good it is."""

    def to_dict(self) -> dict[str, Any]:
        """Words, numbers, lists and mappings only, ``request`` among them."""

    def to_yaml(self) -> str:
        """YAML text; equal designs give equal bytes."""


@dataclass(frozen=True, slots=True)
class Design:
    """A network with its figures, budgets and certificate. ``request`` is the canonical spec.

    ``metrics`` are integers under the counting profile; ``effectiveness`` is the greatest over
    the prefixes that the request asks for (of the whole network if it sets no limit).
    """

    network: Network
    metrics: Mapping[str, int]
    entropy: float
    depth_penalty: float
    effectiveness: float
    budgets: tuple[BudgetUse, ...]
    certificate: Certificate
    request: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name given in the request."""
        return self.network.name

    def build(self) -> nn.Module:
        """The network as a plain ``torch.nn`` module, the same as the exported source builds."""
        from mathdesign.export.convnet import build

        return build(self.network)

    def source(self) -> str:
        """Python source of a module that builds the network with torch alone."""
        from mathdesign.export.convnet import source

        return source(self.network, objective=self.certificate.objective)

    def to_dict(self) -> dict[str, Any]:
        """Words, numbers, lists and mappings only."""
        return {
            "format": FORMAT,
            "network": self.network.to_dict(),
            "metrics": dict(self.metrics),
            "entropy": self.entropy,
            "depth_penalty": self.depth_penalty,
            "effectiveness": self.effectiveness,
            "budgets": [asdict(budget) for budget in self.budgets],
            "certificate": asdict(self.certificate),
            "request": plain(self.request),
        }

    @classmethod
    def from_dict(cls, data: object) -> Design:
        """Inverse of :meth:`to_dict`; raises :class:`DesignError` (or ``NetworkError``)."""
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise DesignError(
                f"not a design of format {FORMAT}: run `mathdesign design` to make one"
            )
        try:
            return cls(
                network=Network.from_dict(data["network"]),
                metrics={str(k): int(v) for k, v in data["metrics"].items()},
                entropy=float(data["entropy"]),
                depth_penalty=float(data["depth_penalty"]),
                effectiveness=float(data["effectiveness"]),
                budgets=tuple(BudgetUse(**finite_numbers(b, USE_NUMBERS)) for b in data["budgets"]),
                certificate=Certificate(**finite_numbers(data["certificate"], CERTIFICATE_NUMBERS)),
                request=dict(data["request"]),
            )
        except NetworkError:
            raise
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise DesignError(f"not a complete design: {error}") from error

    def to_json(self) -> str:
        """JSON text; equal designs give equal bytes."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Design:
        """Inverse of :meth:`to_json`."""
        return cls.from_dict(_from_json(text))

    def to_yaml(self) -> str:
        """YAML text; equal designs give equal bytes."""
        return yaml_text(self.to_dict())

    @classmethod
    def from_yaml(cls, text: str) -> Design:
        """Inverse of :meth:`to_yaml`. Loads safely: no tags, bounded size."""
        return cls.from_dict(_from_yaml(text))

    @classmethod
    def load(cls, path: Path | str) -> Design:
        """Read a design file, YAML or (suffix ``.json``) JSON."""
        return cls.from_dict(_document(path))


def read_answer(path: Path | str) -> Answer:
    """The finished design in a file, of whatever kind its request says.

    Raises :class:`DesignError` (or ``NetworkError``) where it is none, ``OSError`` where the file
    cannot be read.
    """
    document = _document(path)
    answer: Answer = kind_of_answer(document).part("answer").from_dict(document)
    return answer


def _document(path: Path | str) -> object:
    text = Path(path).read_text(encoding="utf-8")
    return _from_json(text) if Path(path).suffix == ".json" else _from_yaml(text)


def _from_json(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DesignError(f"not JSON: {error}") from error


def _from_yaml(text: str) -> object:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if len(text) > LARGEST_FILE_BYTES:
        raise DesignError(f"larger than {LARGEST_FILE_BYTES} bytes: not a design")
    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise DesignError(f"not YAML: {error}") from error


def finite_numbers(data: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """``data`` if its entries called ``names`` are finite numbers or None, else ``ValueError``."""
    for name in names:
        value = data.get(name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (number and math.isfinite(value)):
            raise ValueError(f"{name}: found {value!r}, accepted: a finite number")
    return dict(data)


def plain(value: Any) -> Any:
    """Mappings and sequences as plain dictionaries and lists."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value
