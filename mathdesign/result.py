"""The answer: a network of any kind, what it uses of each budget, and a certificate of how good it is.

Plain frozen data. ``Design.to_yaml`` and ``to_json`` are byte-stable, and reading one back gives
an equal design: no wall-clock time, machine name or memory address is in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathdesign.certificate import BudgetUse, Certificate
from mathdesign.devices.operators import Operator
from mathdesign.devices.report import device_units
from mathdesign.extras import how_to_install
from mathdesign.files import yaml_text
from mathdesign.kinds import AnyKind, kind_of
from mathdesign.kinds.load import validated
from mathdesign.notebook import html_lines
from mathdesign.spaces.errors import NetworkError
from mathdesign.spaces.kind import NamedNetwork, Recount
from mathdesign.spec.blocks import Specification
from mathdesign.spec.document import (
    LARGEST_FILE_BYTES,
    MOST_NODES,
    Document,
    data_faults,
    dotted,
    is_text,
    parse,
)
from mathdesign.spec.faults import SpecError, quoted
from mathdesign.spec.quantities import counted
from mathdesign.spec.recognise import DESIGN, instead

if TYPE_CHECKING:
    from torch import nn

FORMAT = 1
#: A design holds its request in canonical form, and what was chosen of it.
MOST_DESIGN_NODES = 2 * MOST_NODES


class DesignError(ValueError):
    """A file or mapping that is not a design; the message says where and why."""


@dataclass(frozen=True, slots=True, repr=False)
class Design:
    """A network with its figures, budgets and certificate. ``request`` is the canonical spec.

    ``metrics`` are integers; ``figures`` what the kind reports beside them: entropy and
    effectiveness of networks, what is known of a predictor (docs/objective.md).
    """

    network: Any
    """Of the kind's own class; every one has a ``name``."""
    metrics: Mapping[str, int]
    figures: Mapping[str, Any]
    budgets: tuple[BudgetUse, ...]
    certificate: Certificate
    request: Mapping[str, Any]

    @classmethod
    def of(cls, network: NamedNetwork, found: Recount, proof: Certificate, request: Any) -> Design:
        """An answer as it was counted again."""
        return cls(network, dict(found.metrics), dict(found.figures), found.uses, proof, request)

    @property
    def kind(self) -> AnyKind:
        """The kind of space that the request names."""
        return kind_of(self.request)

    @property
    def name(self) -> str:
        """The name given in the request."""
        return str(self.network.name)

    @property
    def units(self) -> dict[str, str]:
        """What the integers of metrics are steps of, where that is to be told."""
        return {**self.kind.units(self.request), **device_units(self.figures)}

    def specification(self) -> Specification:
        """The request in words. Raises :class:`DesignError` where it is none."""
        try:
            return validated(Document("request", dict(self.request)))
        except SpecError as error:
            raise DesignError("; ".join(str(error).splitlines())) from error

    def __repr__(self) -> str:
        proof = self.certificate
        metrics = [f"{name} {self._told(name)}" for name, value in self.metrics.items() if value]
        words = ", ".join([*metrics, f"objective {proof.objective:.6g}", proof.status])
        return f"<Design {self.name}: {words}>"

    def _told(self, metric: str) -> str:
        return counted(self.metrics[metric], self.units.get(metric, ""))

    def _repr_html_(self) -> str:
        table, proof = self.kind.table(self.network), self.certificate
        rows = [(name, self._told(name)) for name in self.metrics]
        bound = "none" if proof.bound is None else f"{proof.bound:.6f}"
        rows += [("objective", f"{proof.objective:.6f}"), ("bound", bound)]
        rows += [("status", proof.status), ("backend", proof.backend)]
        return html_lines(self.name, table.header, table.rows) + html_lines("", ("", ""), rows)

    @property
    def recount(self) -> Recount:
        """What the design claims, as the independent checks take it."""
        return Recount(self.metrics, self.figures, self.budgets, self.certificate.objective)

    def operators(self, length: int | None = None) -> tuple[Operator, ...]:
        """What a runtime executes for one input, in order; ``length``: tokens of a sequence.

        Raises ``NoOperators`` for options that are no module.
        """
        return self.kind.operators(self.network, length)

    def build(self) -> nn.Module:
        """The network as a plain ``torch.nn`` module, the same as the exported source builds.

        Raises ``CannotBuild`` where there is none, ``ImportError`` with pip's line without torch.
        """
        try:
            return self.kind.build(self.network)
        except ImportError as error:
            raise ImportError(how_to_install(error), name=error.name) from error

    def source(self) -> str:
        """Python source of a module that builds the network with torch alone. Raises as build."""
        return self.kind.source(self.network, self.certificate.objective)

    def to_dict(self) -> dict[str, Any]:
        """Words, numbers, lists and mappings only, in the order of the kind's files."""
        kind = self.kind
        parts: dict[str, Any] = {
            "format": FORMAT,
            **plain(kind.words_of(self.network)),
            "metrics": dict(self.metrics),
            **plain(self.figures),
            "budgets": [asdict(budget) for budget in self.budgets],
            "certificate": asdict(self.certificate),
            "request": plain(self.request),
        }
        return {key: parts[key] for key in kind.layout if key in parts}

    @classmethod
    def from_dict(cls, data: object) -> Design:
        """Inverse of :meth:`to_dict`; raises :class:`DesignError`."""
        if other := instead(data, DESIGN):
            raise DesignError(f"{other}; accepted: {DESIGN}")
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise DesignError(
                f"not a design of format {FORMAT}: run `mathdesign design` to make one"
            )
        for path, found, accepted in data_faults(data, most_nodes=MOST_DESIGN_NODES):
            raise DesignError(f"{dotted(path)}: found {found}; accepted: {accepted}")
        if not isinstance(data.get("request"), Mapping):
            raise DesignError(f"request: found {quoted(data.get('request'))}; accepted: a mapping")
        kind = kind_of(data["request"])
        try:
            return cls(
                network=kind.network_from(data),
                metrics={str(k): whole_number(k, v) for k, v in data["metrics"].items()},
                figures=kind.figures_from(data),
                budgets=tuple(map(BudgetUse.read, data["budgets"])),
                certificate=Certificate.read(data["certificate"]),
                request=dict(data["request"]),
            )
        except NetworkError as error:
            raise DesignError(f"network: {error}") from error
        except KeyError as error:
            raise DesignError(f"not a complete design: {error} is missing") from error
        except (TypeError, AttributeError, ValueError, OverflowError) as error:
            reason = " ".join(str(error).split())
            raise DesignError(f"not a complete design: {reason}") from error

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

    def save(self, path: Path | str) -> Path:
        """Write the design, whole or not at all: YAML or (suffix ``.json``) JSON."""
        from mathdesign.files import write_atomic

        path = Path(path)
        return write_atomic(path, self.to_json() if path.suffix == ".json" else self.to_yaml())

    @classmethod
    def load(cls, path: Path | str) -> Design:
        """Read a design file, YAML or (suffix ``.json``) JSON.

        Raises :class:`DesignError` where it is none, ``OSError`` where it cannot be read.
        """
        file = Path(path)
        if file.exists() and not file.is_file():
            raise DesignError("not a file: name a design.yaml that `mathdesign design` wrote")
        with file.open("rb") as stream:
            raw = stream.read(LARGEST_FILE_BYTES + 1)
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise DesignError("bytes that are not UTF-8: not a design") from None
        return cls.from_dict(_from_json(text) if file.suffix == ".json" else _from_yaml(text))


def _refuse_large(text: str) -> None:
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST_FILE_BYTES:
        raise DesignError(f"larger than {LARGEST_FILE_BYTES} bytes: not a design")
    if not is_text(text):
        raise DesignError("half a pair of surrogates: not text")


def _from_json(text: str) -> object:
    _refuse_large(text)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DesignError(f"not JSON: {error}") from None


def _from_yaml(text: str) -> object:
    """With the limits of specifications: nothing is followed, repeated or nested without end."""
    _refuse_large(text)
    try:
        return parse(text, "design", most_nodes=MOST_DESIGN_NODES).data
    except SpecError as error:
        raise DesignError(f"not YAML: {str(error).splitlines()[0]}") from None


def whole_number(name: object, value: object) -> int:
    """``value`` if it is an integer. Raises ``ValueError``."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name}: found {value!r}, accepted: a whole number")
    return value


def plain(value: Any) -> Any:
    """Mappings and sequences as plain dictionaries and lists."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value
