"""Faults that every kind of specification can have, told once."""

import pytest

from mathdesign.spec.blocks import Limits, SolveSpec, Specification
from mathdesign.spec.shared import limit_faults, shared_faults

BACKENDS = ("auto", "exact", "highs", "pyomo:NAME")


class Small(Specification):
    """A specification with one budget."""

    asked: Limits = Limits()

    def limits(self) -> dict[str, Limits]:
        return {"macs": self.asked}


def faults(backend: str = "auto", **limits: int):
    spec = Small(asked=Limits(**{"max": 1, **limits}), solve=SolveSpec(backend=backend))
    return list(shared_faults(spec, BACKENDS))


def test_nothing_is_wrong_with_one_side_or_two_in_order():
    assert faults() == [] and faults(min=1, max=1) == [] and faults(min=0, max=9) == []


def test_limits_that_contradict_themselves_have_their_place():
    ((path, found, accepted, _),) = faults(min=5, max=4)
    assert path == ("budgets", "macs") and (found, accepted) == ("min 5 above max 4", "min <= max")


def test_a_limit_without_sides_is_a_fault():
    ((_, found, accepted, _),) = limit_faults(("rows", 0), None, None, "`min`, `max` or both")
    assert (found, accepted) == ("no limit", "`min`, `max` or both")


@pytest.mark.parametrize("name", ["auto", "exact", "highs", "pyomo", "pyomo:gurobi"])
def test_backends_that_are(name):
    assert faults(name) == []


@pytest.mark.parametrize(
    ("name", "near"), [("exat", "exact"), ("hihgs", "highs"), ("exact:3", "exact"), ("gurobi", "")]
)
def test_backends_that_are_not_with_what_was_meant(name, near):
    ((path, found, accepted, meant),) = faults(name)
    assert path == ("solve", "backend") and found == repr(name)
    assert accepted == ", ".join(BACKENDS) and meant == near
