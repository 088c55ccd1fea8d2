"""Every member held to its source and to its built module, counted by code that is not ours."""

from __future__ import annotations

from collections.abc import Iterator

from mathdesign.result import Design
from mathdesign.spaces.kind import CannotBuild, Check
from mathdesign.validators.calls import drawn_nowhere, macs_of
from mathdesign.zoo.designs import compared, design_of
from mathdesign.zoo.member import Member


def checks(member: Member) -> Iterator[Check]:
    """Its figures, its network in its space, its module by torch.

    Raises ``ImportError`` where torch is missing.
    """
    design = design_of(member)
    yield Check("a point of its space", True, f"{design.metrics['params']:,} params")
    for found in compared(member, design):
        figure = found.figure
        words = f"{figure.said} by the source, {found.counted:,} counted"
        yield Check(
            f"{figure.metric} of the source", found.as_stated,
            words + (f": {figure.differs}" if figure.differs else ""),
        )  # fmt: skip
    yield module_check(design)


def module_check(design: Design) -> Check:
    """Weights of the module, and the multiply-adds of what one call of it asks of torch."""
    try:
        with drawn_nowhere():
            module = design.kind.outline(design.network)
        macs = macs_of(module, design.kind.example(design.network))
    except CannotBuild as error:
        return Check("built module", False, str(error))
    found = {"params": sum(p.numel() for p in module.parameters()), "macs": macs}
    built = {**design.metrics, **design.kind.as_built(design.network)}
    wrong = [f"{m} {n:,}, {built[m]:,} counted" for m, n in found.items() if built[m] != n]
    words = f"{found['params']:,} params, {macs:,} macs by its calls of torch: agree to the unit"
    return Check("built module", not wrong, "; ".join(wrong) or words)
