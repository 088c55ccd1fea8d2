"""A member as a design, and what its source says beside what we count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mathdesign.api import given
from mathdesign.kinds import AnyKind, kind_of
from mathdesign.kinds.load import load
from mathdesign.result import Design
from mathdesign.spaces.kind import NamedNetwork
from mathdesign.spec.blocks import Specification
from mathdesign.zoo.member import Figure, Member


@dataclass(frozen=True, slots=True)
class Compared:
    """A printed figure beside ours."""

    figure: Figure
    counted: float

    @property
    def agrees(self) -> bool:
        """Whether they are the same to the digits that were printed."""
        return self.figure.fits(self.counted)

    @property
    def as_stated(self) -> bool:
        """Whether they agree or differ as the member says."""
        return self.agrees is not bool(self.figure.differs)


def design_of(member: Member) -> Design:
    """The member as a design that nobody sought: counted and checked as answers are.

    Raises as :func:`mathdesign.api.given`: the facts of the zoo are wrong then.
    """
    return given(request_of(member), network_of(member))


def request_of(member: Member, under: Mapping[str, Any] | None = None) -> Specification:
    """Its request; ``under`` replaces blocks of it."""
    return load({"name": member.name, **member.request, **(under or {})})


def network_of(member: Member) -> NamedNetwork | None:
    """Its network where its request leaves choices."""
    if not isinstance(member.network, Mapping):
        return member.network
    found: NamedNetwork = kind(member).network_from(member.network)
    return found


def kind(member: Member) -> AnyKind:
    """The kind of its space."""
    return kind_of(member.request)


def reads(design: Design) -> str:
    """What the network takes, in words."""
    kind, network = design.kind, design.network
    if (image := kind.images(network)) is not None:
        return f"{image.channels}x{image.size}x{image.size}"
    return f"{design.request['space']['context']:,} tokens"


def compared(member: Member, design: Design) -> Iterator[Compared]:
    """Each figure of the source beside what we count, under the profile that the source counts by."""
    for figure in member.figures:
        counts: Mapping[str, Any] = {**design.figures, **design.metrics}
        if figure.under:
            other = given(request_of(member, figure.under), network_of(member))
            counts = {**other.figures, **other.metrics}
        yield Compared(figure, counts[figure.metric])
