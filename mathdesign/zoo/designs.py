"""A member as a design, and what its source says beside what we count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mathdesign.api import given
from mathdesign.kinds import kind_of_spec
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
    return _given(member)


def request_of(member: Member, under: Mapping[str, Any] | None = None) -> Specification:
    """Its request; ``under`` replaces blocks of it."""
    return load({"name": member.name, **member.request, **(under or {})})


def _given(member: Member, under: Mapping[str, Any] | None = None) -> Design:
    """The member under a request that counts otherwise; its choices stay."""
    spec, network = request_of(member, under), member.network
    if isinstance(network, Mapping):
        kind = kind_of_spec(spec)
        found: NamedNetwork = kind.network_from(
            {"name": member.name, **network, "request": spec.to_dict()}
        )
        return given(spec, found)
    return given(spec, network)


def compared(member: Member, design: Design) -> Iterator[Compared]:
    """Each figure of the source beside what we count, under the profile that the source counts by."""
    for figure in member.figures:
        counts: Mapping[str, Any] = {**design.figures, **design.metrics}
        if figure.under:
            other = _given(member, figure.under)
            counts = {**other.figures, **other.metrics}
        yield Compared(figure, counts[figure.metric])
