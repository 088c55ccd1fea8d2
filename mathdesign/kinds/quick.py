"""Specifications without a file, and options that override a file.

The quick form needs one dial: ``quick(budgets={"macs": "300M"})`` is a network of the usual family
with sound ranges for the rest; :meth:`mathdesign.spaces.kind.Kind.quick` says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mathdesign.kinds import families, kind_of
from mathdesign.kinds.load import validated
from mathdesign.spaces.convnet.quick import FAMILY
from mathdesign.spec.blocks import Specification
from mathdesign.spec.document import Document, dotted
from mathdesign.spec.faults import Fault, SpecError, near_miss, quoted


def quick(
    family: str | None = None,
    input_shape: str | None = None,
    budgets: Mapping[str, Any] | None = None,
    *,
    classes: int | None = None,
    name: str | None = None,
    solve: Mapping[str, Any] | None = None,
    pins: Mapping[str, Any] | None = None,
) -> Specification:
    """The form without a file: ``quick("bottleneck", "3x224x224", {"macs": "1.8G"})``.

    Raises :class:`SpecError` with every fault.
    """
    family = FAMILY if family is None else family
    if family not in families():
        fault = Fault(
            "command line", 0, 0, "space.family", quoted(family), ", ".join(families()),
            near_miss(family, list(families())),
        )  # fmt: skip
        raise SpecError([fault])
    image = None if input_shape is None else shape_of(input_shape)
    kind = kind_of({"space": {"family": family}})
    words = kind.quick(family, image, classes, dict(budgets or {}))
    data = {"name": name or family, **words, "solve": dict(solve or {})}
    if pins:
        data["pins"] = dict(pins)
    return validated(Document("command line", data))


def shape_of(text: str) -> tuple[int, int]:
    """Channels and size of ``3x224x224``. Raises :class:`SpecError`."""
    parts = text.lower().split("x")
    sound = len(parts) == 3 and all(p.isascii() and p.isdecimal() and len(p) < 9 for p in parts)
    if not sound or parts[1] != parts[2]:
        raise SpecError.plain(f"input {text!r}", "CxHxW with H = W, e.g. 3x224x224")
    return int(parts[0]), int(parts[1])


@dataclass(frozen=True, slots=True)
class Options:
    """What a command line says beside a file, or instead of one.

    ``maximum`` and ``minimum`` map metrics to limits as they are written.
    """

    family: str | None = None
    image: tuple[int, int] | None = None
    classes: int | None = None
    maximum: Mapping[str, str] = field(default_factory=dict)
    minimum: Mapping[str, str] = field(default_factory=dict)
    pins: Mapping[str, str] = field(default_factory=dict)

    def budgets(self) -> dict[str, Any]:
        """Both sides of each limit."""
        found: dict[str, Any] = {}
        for metric in dict.fromkeys([*self.maximum, *self.minimum]):
            if metric not in self.minimum:
                found[metric] = self.maximum[metric]
                continue
            high = {"max": self.maximum[metric]} if metric in self.maximum else {}
            found[metric] = {"min": self.minimum[metric], **high}
        return found

    def override(self, document: Document) -> list[str]:
        """Write into ``document`` what is asked for; a line for each thing that it said before."""
        data = document.data
        if not isinstance(data, dict):
            return []
        changes: list[tuple[tuple[str, ...], Any, str]] = []
        if self.family is not None:
            changes.append((("space", "family"), self.family, "--family"))
        if self.image is not None:
            channels, size = self.image
            pictures = kind_of({"space": {"family": self.family or _family(data)}}).picture
            changes.append(((*pictures, "channels"), channels, "--input"))
            changes.append(((*pictures, "size"), size, "--input"))
        if self.classes is not None:
            changes.append((("space", "classes"), self.classes, "--classes"))
        for side, limits in (("max", self.maximum), ("min", self.minimum)):
            for metric, limit in limits.items():
                budgets = data.get("budgets")
                if not isinstance(budgets, dict) or metric not in budgets:
                    document.given["budgets", metric] = f"command line: --{side}"
                _two_sided(data, metric)
                changes.append((("budgets", metric, side), limit, f"--{side}"))
        changes += [(("pins", name), value, "--pin") for name, value in self.pins.items()]
        said = []
        for path, value, option in changes:
            before = _set(data, path, value)
            document.given[path] = f"command line: {option}"
            shown = dotted(path).removesuffix(".max")
            found = "nothing" if before is None else str(before)
            said.append(f"{option} overrides {document.file}: {shown}: {found} -> {value}")
        return said


def _family(data: Mapping[str, Any]) -> Any:
    space = data.get("space")
    return space.get("family") if isinstance(space, Mapping) else None


def _two_sided(data: dict[str, Any], metric: str) -> None:
    """A limit that is a number becomes its upper side, where kinds have two."""
    budgets = data.get("budgets")
    if isinstance(budgets, dict) and metric in budgets and not isinstance(budgets[metric], dict):
        budgets[metric] = {"max": budgets[metric]}


def _set(data: dict[str, Any], path: tuple[str, ...], value: Any) -> Any:
    """Set a nested key; what was there."""
    here = data
    for part in path[:-1]:
        inner = here.get(part)
        if not isinstance(inner, dict):
            inner = here[part] = {}
        here = inner
    before = here.get(path[-1])
    here[path[-1]] = value
    return before
