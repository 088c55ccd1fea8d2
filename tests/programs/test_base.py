"""Budgets, distances and the small questions of the protocol. The algebra has its own file."""

import math

import numpy as np
import pytest

from mathdesign.programs.base import (
    HAND_OUTS,
    LARGEST_METRIC,
    Budget,
    Distance,
    Limit,
    Reach,
    handed_out,
    is_apart,
    refuse_infinite,
    refuse_large,
    rows_apart,
    unused,
    weighted,
    whole,
    whole_array,
)
from tests.gallery import CHAINS, MIXES, SLOTS

CHAIN, SLOT, MIX = (entries[0].make() for entries in (CHAINS, SLOTS, MIXES))
FORMS = pytest.mark.parametrize("program", [CHAIN, SLOT, MIX], ids=lambda program: program.form)


@pytest.mark.parametrize("entry", [*CHAINS, *SLOTS, *MIXES], ids=lambda entry: entry.name)
def test_values_of_many_points_are_those_of_each(entry):
    program = entry.make()
    points = [p for p in (program.reach(m) for m in program.metric_names) if p and p.point]
    points = [p.point for p in points]
    assert list(program.values(points)) == pytest.approx([program.value(p) for p in points])


@pytest.mark.parametrize(
    ("budget", "sides", "admitted"),
    [
        (Budget("m"), (), [1, 2, 3, 4, 5]),
        (Budget("m", 4), (("max", 4),), [1, 2, 3, 4]),
        (Budget("m", None, 2), (("min", 2),), [2, 3, 4, 5]),
        (Budget("m", 4, 2), (("max", 4), ("min", 2)), [2, 3, 4]),
        (Budget("m", 3, 3), (("max", 3), ("min", 3)), [3]),
        (Budget("m", 0), (("max", 0),), []),  # a bound of 0 is a bound
        (Budget("m", 2, 4), (("max", 2), ("min", 4)), []),
    ],
)
def test_a_budget_admits_what_lies_between_its_sides(budget, sides, admitted):
    assert budget.sides == sides
    assert [value for value in range(1, 6) if budget.admits(value)] == admitted


@FORMS
def test_limits_are_what_somebody_asked_for(program):
    metric = program.metric_names[0]
    asked = [Budget(metric, 9, 1), Budget(metric, 7, inherent=True), Budget(metric, 8)]
    derived = program.with_budgets(asked)
    assert derived.limits == (
        Limit(metric, "max", 9),
        Limit(metric, "min", 1),
        Limit(metric, "max", 8),
    )
    assert derived.unlimited().budgets == (asked[1],)


@FORMS
def test_inherent_budgets_are_nobodys_to_lift(program):
    metric = program.metric_names[0]
    derived = program.with_budgets([Budget(metric, 7, inherent=True)])
    with pytest.raises(KeyError, match=f"no budget on {metric}"):
        derived.without(metric)


@FORMS
def test_measured_are_the_metrics_and_units_are_as_told(program):
    point = program.reach(program.metric_names[0]).point
    assert program.measured(point) == program.costs(point)
    assert program.unit("macs") == ""
    assert program._with(units={"macs": "multiply-adds"}).unit("macs") == "multiply-adds"


@FORMS
def test_unknown_names_come_with_the_accepted_ones(program):
    with pytest.raises(KeyError, match=f"accepted: {program.metric_names[0]}"):
        program.maximising({"nothing": 1.0})
    with pytest.raises(KeyError, match=f"accepted: {next(iter(program.decisions))}"):
        program.pinned({"nothing": 1})


def test_what_is_not_handed_out_names_the_forms_that_are(monkeypatch):
    monkeypatch.setattr("mathdesign.programs.base.HAND_OUTS", {("file", "chain"): print})
    assert handed_out(CHAIN, "file") is print
    with pytest.raises(TypeError, match="'mixes' is not handed out as file; forms that do: chain"):
        MIX.write("model.lp")
    with pytest.raises(TypeError, match=r"import mathdesign\.solvers first"):
        SLOT.to_cvxpy()


def test_hand_outs_are_called_with_the_program(monkeypatch):
    for name in ("pyomo", "cvxpy", "file"):
        monkeypatch.setitem(HAND_OUTS, (name, "chain"), lambda *given, of=name: (of, *given))
    assert CHAIN.to_pyomo("milp") == ("pyomo", CHAIN, "milp")
    assert CHAIN.to_cvxpy() == ("cvxpy", CHAIN)


def test_points_apart_one_by_one_and_in_rows():
    distances = (Distance((0, 0, 0)), Distance((1, 1, 1), at_least=2))
    points = [(0, 0, 0), (0, 0, 1), (0, 1, 1), (1, 1, 1)]
    apart = [is_apart(point, distances) for point in points]
    assert apart == [False, True, False, False]
    assert rows_apart(np.array(points), distances).tolist() == apart
    assert rows_apart(np.array(points), ()).all()


def test_a_reach_of_nothing_has_neither_value_nor_point():
    contradicting = SLOT.pinned({"s0": 0}).pinned({"s0": 1})
    assert contradicting.reach("cost") is None  # a solver finds that out
    assert MIX._with(frames=()).reach("cost") == Reach(None, None)


def test_weighted_sums_keep_large_integers_until_the_end():
    assert weighted({"a": 1, "b": -1}, {"a": 2**60 + 1, "b": 2**60}) == 1.0


@pytest.mark.parametrize("point", [[1, 2], (1.0, 2), np.array([1, 2]), (True, np.int8(2))])
def test_integers_are_whole_however_they_come(point):
    assert whole(point) == (1, 2)


@pytest.mark.parametrize("point", [None, 7, (1.5,), ("1",), (None,), (math.inf,), [[1, 2], [3, 4]]])
def test_nothing_else_is(point):
    with pytest.raises(ValueError, match="a point holds integers"):
        whole(point)


def test_integer_arrays_become_int64_or_are_refused():
    assert whole_array("costs", np.array([1, 2], dtype=np.uint8)).dtype == np.int64
    assert whole_array("costs", np.zeros((2, 0))).dtype == np.int64
    assert whole_array("costs", [LARGEST_METRIC]).tolist() == [2**62]
    with pytest.raises(ValueError, match="costs: found numbers of type float64"):
        whole_array("costs", [1.0])
    for large in (2**62 + 1, -(2**63), 2**63, 2**70):
        with pytest.raises(ValueError, match="costs can exceed 2\\^62"):
            whole_array("costs", [large])


def test_what_is_too_large_or_infinite_is_refused_with_its_place():
    refuse_large("macs", LARGEST_METRIC)
    with pytest.raises(ValueError, match="macs can exceed 2\\^62 in this space: narrow"):
        refuse_large("macs", LARGEST_METRIC + 1)
    refuse_infinite("value", [1.0, -1e308])
    with pytest.raises(ValueError, match="value: found nan, accepted: finite numbers"):
        refuse_infinite("value", [1.0, math.nan])


def test_a_name_that_is_taken_gets_a_number():
    assert unused("pin", []) == "pin"
    assert unused("pin", ["pin", "pin 3"]) == "pin 2"
    assert unused("pin", ["pin", "pin 2"]) == "pin 3"
