"""Faults that specifications of every kind can have: in their limits, in the backend they name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mathdesign.spec.blocks import Specification
from mathdesign.spec.faults import CrossFault, near_miss


def shared_faults(spec: Specification, backends: Sequence[str]) -> Iterator[CrossFault]:
    """Limits that bound nothing or contradict themselves; a backend that none of ``backends`` is.

    A name such as ``pyomo:NAME`` in ``backends`` stands for any word after the colon.
    """
    for metric, limits in spec.limits().items():
        accepted = "a number, or {min: ..., max: ...}"
        yield from limit_faults(("budgets", metric), limits.min, limits.max, accepted)
    name = spec.solve.backend
    prefixes = {known.partition(":")[0] for known in backends if ":" in known}
    word, colon, _ = name.partition(":")
    if (name not in backends and word not in prefixes) or (colon and word not in prefixes):
        plain = [known.partition(":")[0] for known in backends]
        yield ("solve", "backend"), repr(name), ", ".join(backends), near_miss(word, plain)


def peak_faults(spec: Specification, peaks: Sequence[str]) -> Iterator[CrossFault]:
    """Lower limits of what is the greatest of many."""
    for metric, limits in spec.limits().items():
        if metric in peaks and limits.min is not None:
            accepted = "max alone: a peak is the greatest of many, no one of which has to be large"
            yield ("budgets", metric, "min"), "a lower limit", accepted, ""


def limit_faults(
    path: tuple[str | int, ...], least: int | None, most: int | None, accepted: str
) -> Iterator[CrossFault]:
    """What is wrong with the two sides of one limit."""
    if least is None and most is None:
        yield path, "no limit", accepted, ""
    elif least is not None and most is not None and least > most:
        yield path, f"min {least} above max {most}", "min <= max", ""
