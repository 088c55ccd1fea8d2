"""Costs with decimals and units: exact in programs, told in their units, refused where they do not fit."""

from fractions import Fraction

import pytest

import mathdesign
from mathdesign.checking import checks
from mathdesign.explain import reaches_of
from mathdesign.kinds import kind_of_spec
from mathdesign.report.rows import budget_table, figure_rows
from mathdesign.result import Design
from mathdesign.spec.faults import SpecError
from mathdesign.spec.quantities import Amount, QuantityError, Steps, cost, counted
from mathdesign.tables.nesting import nesting_of

TEXT = """
name: own
space:
  family: slots
  slots:
    - {name: a, options: [x, y], costs: {latency: [1.25 ms, 0.8 ms], energy: [0.5, 0.25], size_bytes: [1 KiB, 2 KiB], gain: [1.5k, 2]}}
    - {name: b, options: [x, y], costs: {latency: [3 ms, 250 us], energy: [0, 1.125], gain: [3, 1]}}
objective: {metric: gain}
budgets: {latency: %s}
solve: {gap: 0}
"""


def test_a_program_holds_whole_steps_and_keeps_the_budget_exactly():
    spec = mathdesign.loads(TEXT % "4.25 ms")
    program = mathdesign.problem(spec)
    assert program.costs((0, 0)) == {
        "latency": 4250, "energy": 500, "size_bytes": 1024, "gain": 1503,
    }  # fmt: skip
    assert dict(program.units)["latency"] == "us" and dict(program.units)["energy"] == "0.001"
    assert program.feasible((0, 0))
    tight = mathdesign.problem(mathdesign.loads(TEXT % "4.249 ms"))
    assert not tight.feasible((0, 0)) and tight.feasible((1, 0))


def test_a_limit_between_two_steps_is_rounded_to_the_side_that_keeps_it():
    steps = Steps.of([cost("1 ms"), cost("2 ms")])
    assert (steps.below(cost("1.9 ms")), steps.above(cost("1.1 ms"))) == (1, 2)
    assert (steps.below(cost("2 ms")), steps.above(cost("2 ms"))) == (2, 2)


def test_a_design_is_told_in_the_units_of_its_costs_and_is_read_back():
    design = mathdesign.design(mathdesign.loads(TEXT % "4.25 ms"))
    rows = dict(figure_rows(design))
    assert (rows["latency"], rows["energy"], rows["gain"]) == ("4,250 us", "0.5", "1,503")
    assert budget_table(design)[1][0][1:3] == ("4,250 us", "<= 4,250 us")
    assert Design.from_yaml(design.to_yaml()).to_yaml() == design.to_yaml()
    assert all(check.ok for check in checks(design))


def test_an_explanation_and_a_check_are_told_so_too():
    spec = mathdesign.loads(TEXT % "1 ms")
    with pytest.raises(mathdesign.Infeasible) as refused:
        mathdesign.design(spec)
    assert "latency: asked max 1,000 us; least reachable alone 1,050 us" in str(refused.value)
    assert "this works: latency max 1,050 us" in str(refused.value)
    mathdesign.design(mathdesign.loads(TEXT % "'1,050 us'"))
    kind = kind_of_spec(spec)
    posed = kind.pose(spec)
    reaches = reaches_of(kind.lifted(posed), ("latency", "energy"))
    assert reaches is not None
    assert [reach.row()[1:3] for reach in reaches] == [("1,050 us", "4,250 us"), ("0.25", "1.625")]


def test_the_canonical_form_is_exact_and_whole_numbers_stay_numbers():
    spec = mathdesign.loads(TEXT % "4.25 ms")
    words = spec.to_dict()["space"]["slots"][0]["costs"]
    assert words["gain"] == [1500, 2] and words["size_bytes"] == [1024, 2048]
    assert words["latency"] == ["0.00125 s", "0.0008 s"] and words["energy"] == ["0.5", "0.25"]
    again = mathdesign.loads(spec.to_yaml())
    assert again == spec and again.content_hash() == spec.content_hash()


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("1.25 ms", "'1,25 ms'", "did you mean 1.25 ms?"),
        ("[0.5, 0.25]", "['0,5', 0.25]", "did you mean 0.5?"),
        ("3 ms", "3 mJ", "one unit for all costs of a metric"),
        ("3 ms", "3", "one unit for all costs of a metric"),
        ("0.8 ms", "0.0000000001 s", "at most 9 decimals"),
        ("4.25 ms", "4.25", "a number of s, as its costs are"),
        ("1.5k", "1e17", "a cost out of range"),
        ("1.5k", "-1", "accepted: a number such as"),
        ("1 KiB", "1.5 B", "a whole number of bytes"),
    ],
)
def test_costs_that_do_not_fit_are_refused_with_place_and_cure(before, after, words):
    text = (TEXT % "4.25 ms").replace(before, after)
    with pytest.raises(SpecError) as refused:
        mathdesign.loads(text)
    assert words in str(refused.value) and all(f.line and f.path for f in refused.value.faults)


def test_a_named_space_counts_whole_things():
    text = "space: {family: nasbench201}\nobjective: {metric: macs}\nbudgets: {macs: %s}\n"
    assert mathdesign.loads(text % "40M").budgets["macs"].max == Amount(Fraction(40_000_000))
    for limit in ("4 ms", "0.5"):
        with pytest.raises(SpecError, match="a whole number"):
            mathdesign.loads(text % limit)


def test_limits_in_words_nest_where_they_are_equal_only():
    texts = [TEXT % limit for limit in ("4.25 ms", "0.00425 s", "5 ms")]
    one, same, other = (nesting_of(mathdesign.loads(t).to_dict()) for t in texts)
    assert one == same != other


@pytest.mark.parametrize(
    ("number", "unit", "words"),
    [(1250, "us", "1,250 us"), (1250, "0.01", "12.5"), (1250, "weights", "1,250"), (7, "", "7")],
)
def test_steps_in_words(number, unit, words):
    assert counted(number, unit) == words


def test_steps_are_the_coarsest():
    assert Steps.of([]) == Steps()
    assert Steps.of(map(cost, ("2 s", "1 min"))).unit == "s"
    assert Steps.of(map(cost, ("1.5 s", "0"))).unit == "ms"
    assert Steps.of(map(cost, ("0.5", "0.125"))).unit == "0.001"
    with pytest.raises(QuantityError):
        Steps.of(map(cost, ("1 s", "1 J")))
