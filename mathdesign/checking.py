"""Everything that can be checked about a finished design without a solver."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mathdesign.result import Design
from mathdesign.spaces.kind import CannotBuild, Check
from mathdesign.spec.faults import SpecError
from mathdesign.validators.errors import RecheckError


def checks(design: Design) -> list[Check]:
    """Each check with its verdict: the request, the bound, then what the kind checks.

    Raises ``ImportError`` where a package is missing that a check needs, ``SpecError`` where what the
    request names is not here (a predictor's folder): nothing can be said of the design then.
    """
    return list(each_check(design))


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
        yield from kind.checks(kind.pose(spec), design.network, design.recount)
    except SpecError:  # a sound request that cannot be posed here
        raise
    except (RecheckError, ValueError, CannotBuild) as error:
        yield Check("recheck", False, " ".join(str(error).split()))
