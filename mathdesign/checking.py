"""Everything that can be checked about a finished design without a solver."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mathdesign.kinds import AnyKind
from mathdesign.result import Design
from mathdesign.spaces.kind import CannotBuild, Check
from mathdesign.spec.blocks import COST_FILES, Specification
from mathdesign.spec.faults import Fault, SpecError
from mathdesign.spec.pins import words as words_of
from mathdesign.validators.errors import RecheckError


def broken_pins(kind: AnyKind, spec: Specification, network: Any) -> list[str]:
    """The pins of a request that a network does not hold, in words."""
    held = kind.held(network)
    return [
        f"{name}: {held.get(name, 'nothing')} where {value} is pinned"
        for name, value in (spec.pins or {}).items()
        if held.get(name) != str(value)
    ]


def checks(design: Design) -> list[Check]:
    """Each check with its verdict: the request, the bound, then what the kind checks.

    Raises ``ImportError`` where a package is missing that a check needs, ``SpecError`` where what the
    request names is not here (a predictor's folder, a device's table): nothing can be said of the design then.
    """
    return list(each_check(design))


def _of_a_file(fault: Fault) -> bool:
    """Whether a fault is about a file of costs that the request names, not about its words."""
    head, _, word = fault.path.rpartition(".")
    return head.startswith("devices.") and word in COST_FILES


def each_check(design: Design) -> Iterator[Check]:
    """The same, one by one: the quick ones come first."""
    kind, certificate = design.kind, design.certificate
    try:
        spec: Any = design.specification()
        same = spec.content_hash() == certificate.request_sha256
        words = "as certified" if same else "differs from the certificate"
        yield Check("request hash", same, words)
        valid = certificate.bound is None or certificate.bound >= certificate.objective
        yield Check("bound", valid, f"{'not ' if valid else ''}below the objective")
        if spec.pins:
            broken = broken_pins(kind, spec, design.network)
            yield Check("pins", not broken, "; ".join(broken) or words_of(spec.pins))
        yield from kind.checks(kind.pose(spec), design.network, design.recount)
    except SpecError:  # a sound request that cannot be posed here
        raise
    except (RecheckError, ValueError, CannotBuild) as error:
        if isinstance(cause := error.__cause__, SpecError) and all(map(_of_a_file, cause.faults)):
            raise cause from None
        yield Check("recheck", False, " ".join(str(error).split()))
