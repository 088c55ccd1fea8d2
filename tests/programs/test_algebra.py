"""Laws of all programs: what is asked of them, and how one turns into another, by their definition."""

import copy
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mathdesign.programs.base import Budget
from mathdesign.programs.mixes import MixProblem
from mathdesign.programs.union import Union
from tests import nasty, points
from tests.points import every_point

PROGRAMS, DATA = nasty.programs(), st.data()
WEIGHTS = st.fixed_dictionaries(
    {}, optional={m: st.sampled_from((1.0, -0.5, 1e-6, 3e9)) for m in nasty.METRICS}
)
few = settings(max_examples=80, deadline=None)


def feasible(program) -> set[tuple[int, ...]]:
    return {point for point in every_point(program) if program.feasible(point)}


def some_point(data, program) -> tuple[int, ...]:
    return data.draw(st.sampled_from(every_point(program)))


def some_pins(data, program) -> dict[str, int]:
    """Up to three decisions as a point has them."""
    held = points.held(program, some_point(data, program))
    names = data.draw(st.lists(st.sampled_from(sorted(held)), max_size=3, unique=True))
    return {name: held[name] for name in names}


# ---- what is asked of one point ------------------------------------------------------------------


@few
@given(PROGRAMS)
def test_a_point_is_worth_and_costs_what_its_terms_add_up_to(program):
    for point in every_point(program):
        costs = program.costs(point)
        assert costs == points.costs(program, point)
        assert all(type(cost) is int for cost in costs.values())
        expected = points.value(program, point)
        # Terms cancel: what counts is their size, not that of their sum.
        assert program.value(point) == pytest.approx(expected, rel=1e-12, abs=1e-9 * _size(program))


@few
@given(PROGRAMS)
def test_a_point_is_feasible_if_it_keeps_everything(program):
    for point in every_point(program):
        assert program.feasible(point) == points.keeps_all(program, point)


@few
@given(PROGRAMS)
def test_the_vectorised_evaluators_agree_with_single_points(program):
    if isinstance(program, MixProblem | Union):
        return  # it has none
    listed = every_point(program)
    rows = np.array(listed)
    if program.form == "chain":
        scores = program.evaluator(rows)
        found, values, costs = scores.feasible, scores.objective, scores.metrics
    else:
        found, values = program.feasible_rows(rows), program.objective.at(rows)
        costs = {name: sums.at(rows) for name, sums in program.metrics.items()}
    for i, point in enumerate(listed):
        assert found[i] == program.feasible(point)
        assert values[i] == pytest.approx(program.value(point), rel=1e-12)
        assert {name: int(column[i]) for name, column in costs.items()} == program.costs(point)


@few
@given(PROGRAMS)
def test_the_number_of_points_is_that_of_the_points(program):
    assert program.points == len(every_point(program)) <= program.size


@few
@given(PROGRAMS, DATA)
def test_what_is_no_point_is_not_feasible_and_has_no_costs(program, data):
    point = some_point(data, program)
    at = data.draw(st.integers(0, len(point) - 1))
    for wrong in (
        (),
        point[:-1],
        (*point, 0),
        (*point[:at], -1, *point[at + 1 :]),
        (*point[:at], 10**30, *point[at + 1 :]),
        (*point[:at], point[at] + 0.5, *point[at + 1 :]),
        (*point[:at], math.nan, *point[at + 1 :]),
        (*point[:at], None, *point[at + 1 :]),
        (*point[:at], str(point[at]), *point[at + 1 :]),
    ):
        assert not program.feasible(wrong)
        for ask in (program.costs, program.value, program.measured):
            with pytest.raises(ValueError):
                ask(wrong)


@few
@given(PROGRAMS, DATA)
def test_a_point_may_be_an_array(program, data):
    point = some_point(data, program)
    assert program.costs(np.array(point)) == program.costs(point)
    assert program.feasible(np.array(point)) == program.feasible(point)
    assert program.value(np.array(point)) == program.value(point)


@few
@given(PROGRAMS, st.booleans())
def test_reach_is_the_extreme_over_what_is_left_without_the_limits(program, largest):
    left = feasible(program.unlimited())
    for metric in program.metric_names:
        if (reach := program.reach(metric, largest=largest)) is None:
            continue
        values = [program.costs(point)[metric] for point in left]
        assert reach.value == (max if largest else min)(values, default=None)
        if left:
            assert reach.point in left
            assert program.costs(reach.point)[metric] == reach.value
        else:
            assert reach.point is None


@few
@given(nasty.bare(), st.booleans())
def test_a_program_without_rules_tells_its_reach_itself(program, largest):
    program = without_rules(program, ("slots",))
    for metric in program.metric_names:
        coupled = any(p.form == "slots" and p.metrics[metric].pairs for p in simple(program))
        assert coupled or program.reach(metric, largest=largest) is not None


# ---- how a program turns into another one --------------------------------------------------------


@few
@given(PROGRAMS, DATA)
def test_points_and_their_costs_survive_every_operation(program, data):
    pins = some_pins(data, program)
    for derived in (
        program.unlimited(),
        program.with_budgets([]),
        program.pinned(pins),
        program.apart_from(some_point(data, program)),
        program.maximising({"a": 1.0}),
    ):
        known = set(every_point(program))
        assert known >= set(every_point(derived))
        for point in every_point(derived):
            assert program.costs(point).items() <= derived.costs(point).items()


@few
@given(PROGRAMS, DATA)
def test_pinning_leaves_exactly_the_points_that_hold_what_was_said(program, data):
    pins = some_pins(data, program)
    expected = {p for p in feasible(program) if pins.items() <= points.held(program, p).items()}
    assert feasible(program.pinned(pins)) == expected
    one_by_one = program
    for name, value in pins.items():
        one_by_one = one_by_one.pinned({name: value})
    assert feasible(one_by_one) == expected
    assert feasible(program.pinned(pins).pinned(pins)) == expected


@few
@given(PROGRAMS, DATA)
def test_pins_that_contradict_each_other_leave_nothing(program, data):
    name = data.draw(st.sampled_from(sorted(program.decisions)))
    first, last = program.decisions[name][0], program.decisions[name][-1]
    if first == last:
        return
    if program.form in ("chain", "union"):  # the domain that is left says so at once
        with pytest.raises(ValueError, match="accepted"):
            program.pinned({name: first}).pinned({name: last})
    else:
        assert not feasible(program.pinned({name: first}).pinned({name: last}))


@few
@given(PROGRAMS, DATA, st.integers(1, 3))
def test_keeping_apart_removes_exactly_the_closer_points(program, data, at_least):
    one, two = some_point(data, program), some_point(data, program)
    assert feasible(program.apart_from(one, two, at_least=at_least)) == {
        p
        for p in feasible(program)
        if min(points.difference(program, p, one), points.difference(program, p, two)) >= at_least
    }
    assert feasible(program.apart_from(one)) == feasible(program) - {one}


@few
@given(PROGRAMS, DATA)
def test_budgets_are_replaced_and_inherent_ones_stay(program, data):
    inherent = [b for b in program.budgets if b.inherent]
    at = program.costs(some_point(data, program))["a"]
    asked = Budget("a", upper=at)
    derived = program.with_budgets([asked])
    assert list(derived.budgets) == [*inherent, asked]
    assert feasible(derived) == {
        p for p in feasible(program.with_budgets([])) if program.costs(p)["a"] <= at
    }


@few
@given(PROGRAMS)
def test_a_lifted_limit_binds_no_more(program):
    limits = program.limits
    for metric in {limit.metric for limit in limits}:
        derived = program.without(metric)
        assert derived.limits == tuple(x for x in limits if x.metric != metric)
        assert [b for b in derived.budgets if b.inherent] == [
            b for b in program.budgets if b.inherent
        ]
        assert feasible(derived) >= feasible(program)
    assert program.unlimited().limits == ()
    assert program.without().limits == limits
    assert feasible(program.unlimited()) == {
        p for p in every_point(program) if points.keeps_all(program.unlimited(), p)
    }


@few
@given(PROGRAMS, DATA, st.integers(0, 3))
def test_the_optimum_never_falls_when_a_budget_loosens(program, data, slack):
    bound = program.costs(some_point(data, program))["a"]
    tight = program.with_budgets([Budget("a", bound, bound)])
    loose = program.with_budgets([Budget("a", bound + slack, bound - slack)])
    free = program.with_budgets([])
    ladder = [points.best(p) for p in (tight, loose, free)]
    known = [-math.inf if v is None else v for v in ladder]
    assert known == sorted(known)


@few
@given(PROGRAMS, WEIGHTS)
def test_the_new_objective_is_the_weighted_sum_of_metrics(program, weights):
    up, down = program.maximising(weights), program.minimising(weights)
    for point in every_point(program):
        terms = [w * program.costs(point)[m] for m, w in weights.items()]
        # Tables are weighted term by term: compare with the size of the largest metric there is.
        size = sum(abs(w) * _size_of_metric(program, m) for m, w in weights.items())
        assert up.value(point) == pytest.approx(sum(terms), rel=1e-12, abs=1e-12 * size)
        assert down.value(point) == -up.value(point)
        assert up.feasible(point) == program.feasible(point)


@few
@given(PROGRAMS, DATA)
def test_programs_stay_as_they_were(program, data):
    before, listed = copy.deepcopy(program), every_point(program)
    program.with_budgets([]).apart_from(listed[0])
    program.pinned(some_pins(data, program)).maximising({"a": 2.0}).unlimited()
    for name in ("name", "budgets", "distances", "units", "metric_names", "decisions", "limits"):
        assert getattr(program, name) == getattr(before, name)
    for point in listed:
        assert program.costs(point) == before.costs(point)
        assert program.value(point) == before.value(point)
        assert program.feasible(point) == before.feasible(point)
    with pytest.raises(AttributeError):
        program.budgets = ()


# ---- arguments that say nothing ------------------------------------------------------------------


@few
@given(PROGRAMS, DATA)
def test_unknown_names_and_impossible_values_are_refused(program, data):
    name = data.draw(st.sampled_from(sorted(program.decisions)))
    for call in (
        lambda: program.without("nothing"),
        lambda: program.pinned({"nothing": 0}),
        lambda: program.maximising({"nothing": 1.0}),
        lambda: program.minimising({"nothing": 1.0}),
        lambda: program.reach("nothing"),
    ):
        with pytest.raises(KeyError, match="nothing"):
            call()
    for call in (
        lambda: program.with_budgets([Budget("nothing", 1)]),
        lambda: program.pinned({name: -1}),
        lambda: program.pinned({name: 10**6}),
        lambda: program.apart_from(()),
        lambda: program.apart_from((0.5,) * len(every_point(program)[0])),
        lambda: program.maximising({"a": math.nan}),
        lambda: program.minimising({"a": math.inf}),
    ):
        with pytest.raises(ValueError):
            call()


def _size(program) -> float:
    """The largest absolute value, at least a bit of the largest weight of what cancels."""
    return max(1e-9, *(abs(points.value(program, p)) for p in every_point(program)))


def simple(program) -> list:
    """The program, or the members of a union."""
    return [m.program for m in program.members] if program.form == "union" else [program]


def without_rules(program, forms=("chain", "slots")):
    """Without the rules of programs of some forms."""
    if program.form == "union":
        return program._each(lambda own, _: without_rules(own, forms))
    return program._with(rules=()) if program.form in forms else program


def _size_of_metric(program, metric: str) -> int:
    if program.form == "union":
        return max(_size_of_metric(own, metric) for own in simple(program))
    if program.form == "chain":
        return program._largest(metric)
    if program.form == "slots":
        return program.metrics[metric].largest
    return max(frame.largest[program.metrics.index(metric)] for frame in program.frames)


@few
@given(PROGRAMS, DATA)
def test_decisions_and_count_speak_of_what_pins_leave(program, data):
    program = without_rules(program)
    pins = some_pins(data, program)
    free = program.pinned(pins)
    for name, value in pins.items():
        assert free.decisions[name] == (value,)
    left = [p for p in every_point(program) if pins.items() <= points.held(program, p).items()]
    assert free.count() == sum(orders(program, p) for p in left)


def orders(program, point) -> int:
    """How many designs a point is: the orders of the layers of each group."""
    if program.form == "union":
        return orders(*program.held(point))
    if program.form != "mixes":
        return 1
    return math.prod(
        math.factorial(sum(counts)) // math.prod(map(math.factorial, counts))
        for counts in program.counts(point)
    )
