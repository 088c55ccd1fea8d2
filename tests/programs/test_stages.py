"""The bricks of a chain, and what they refuse."""

import itertools
import math

import numpy as np
import pytest

from mathdesign.programs.base import Budget, Distance
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import (
    Decision,
    DepthPenalty,
    Derived,
    Monomial,
    Objective,
    PairRule,
    Repeat,
    Scale,
    Stage,
    Tabled,
    term,
)

WIDTH, DEPTH = Decision("width", (2, 4)), Decision("depth", (1, 2, 3))
INNER = Decision("inner", (1, 3))


def stage(name="s", decisions=(WIDTH, DEPTH, INNER), costs=None, **more) -> Stage:
    return Stage(name, decisions, costs or {"m": (term(1, Repeat.EACH, width=1),)}, **more)


def chain(*stages, objective=None, **more) -> DesignProblem:
    return DesignProblem("c", stages or (stage(),), objective or Objective(), **more)


@pytest.mark.parametrize(
    ("repeat", "times"),
    [(Repeat.FIRST, [1, 1, 1]), (Repeat.REST, [0, 1, 2]), (Repeat.EACH, [1, 2, 3])],
)
def test_repeats_of_a_depth(repeat, times):
    assert [repeat.times(depth) for depth in DEPTH.values] == times
    assert repeat.times(np.array(DEPTH.values)).tolist() == times


def test_a_term_leaves_out_what_has_no_power():
    made = term(9, Repeat.REST, inner=2, width=0)
    assert made == Monomial(9, Repeat.REST, (("inner", 2),))
    assert (made.power("inner"), made.power("width")) == (2, 0)


@pytest.mark.parametrize("values", [(), (0, 1), (2, 1), (1, 1), (-1,)])
def test_domains_are_positive_and_rise(values):
    with pytest.raises(ValueError, match="decision 'width'"):
        Decision("width", values)


@pytest.mark.parametrize("decisions", [(WIDTH,), (DEPTH,), (WIDTH, DEPTH, WIDTH)])
def test_a_stage_has_one_width_and_one_depth(decisions):
    with pytest.raises(ValueError, match="distinct decisions"):
        stage(decisions=decisions)


@pytest.mark.parametrize(
    "monomial",
    [
        Monomial(1, Repeat.EACH, (("height", 1),)),
        Monomial(1, Repeat.EACH, (("depth", 1),)),  # depth enters through the repeat alone
        Monomial(0, Repeat.EACH, (("width", 1),)),
        Monomial(1, Repeat.EACH, (("width", -1),)),
    ],
)
def test_malformed_monomials_are_refused(monomial):
    with pytest.raises(ValueError, match="malformed"):
        stage(costs={"m": (monomial,)})
    with pytest.raises(ValueError, match="malformed"):
        stage(layer_widths=(monomial,))


def test_a_derived_symbol_has_a_value_for_each_of_its_source():
    made = stage(
        costs={"m": (term(1, Repeat.EACH, odd=1),)}, derived=(Derived("odd", "inner", (7, 5)),)
    )
    assert chain(made).costs((2, 1, 3)) == {"m": 5}
    with pytest.raises(ValueError, match="'odd' does not match its source"):
        stage(derived=(Derived("odd", "inner", (7,)),))


def test_domains_and_choices_of_a_stage():
    assert stage().domain("inner") == (1, 3)
    assert stage().choices == 2 * 3 * 2
    with pytest.raises(KeyError, match="has no decision 'kernel_size'"):
        stage().domain("kernel_size")


@pytest.mark.parametrize(
    "between", [(0, "width", 0, "width"), (0, "width", 1, "depth"), (0, "width", 2, "width")]
)
def test_rules_couple_neighbours_only(between):
    with pytest.raises(ValueError, match="a rule couples"):
        PairRule(*between, np.ones((1, 1), dtype=bool))


def test_rules_are_found_by_their_stage():
    within = PairRule(0, "width", 0, "depth", np.ones((2, 3), dtype=bool))
    into = PairRule(0, "width", 1, "width", np.ones((2, 2), dtype=bool))
    found = chain(stage("a"), stage("b"), rules=(within, into))
    assert (found.rules_within(0), found.rules_within(1)) == ((within,), ())
    assert (found.rules_into(0), found.rules_into(1)) == ((), (into,))


def test_variables_columns_metrics_and_what_enters_a_stage():
    found = chain(stage("a"), stage("b", costs={"n": (), "m": ()}), input_channels=5)
    assert found.variables[3:] == ((1, "width"), (1, "depth"), (1, "inner"))
    assert found.columns[1, "depth"] == 4
    assert found.metrics == ("m", "n")
    assert (found.prev_domain(0), found.prev_domain(1)) == ((5,), (2, 4))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budgets": (Budget("n", 1),)}, "unknown metric 'n'"),
        ({"distances": (Distance((1, 2)),)}, "which is no point"),
        ({"rules": (PairRule(0, "width", 0, "depth", np.ones((3, 2))),)}, "expected a"),
        ({"objective": Objective((Scale(0, math.nan, 1),))}, "weight of scale s: found nan"),
        ({"objective": Objective(log_factor=math.inf)}, "log factor: found inf"),
        (
            {"objective": Objective(depth_penalty=DepthPenalty(math.inf, "std", (0,)))},
            "weight of the depth penalty: found inf",
        ),
        ({"objective": Objective(metric_weights=(("m", math.nan),))}, "weight of m: found nan"),
        ({"objective": Objective(metric_weights=(("n", 1.0),))}, "weight of unknown metric 'n'"),
    ],
)
def test_malformed_chains_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        chain(**changes)


def test_a_chain_has_stages_of_distinct_names():
    with pytest.raises(ValueError, match="distinct names"):
        chain(stage(), stage())
    with pytest.raises(ValueError, match="at least one stage"):
        DesignProblem("c", (), Objective())


def test_a_metric_may_reach_2_to_the_62_and_no_more():
    def of(coefficient):
        one = (Decision("width", (1,)), Decision("depth", (1, 2)))
        return chain(stage(decisions=one, costs={"m": (term(coefficient, Repeat.EACH),)}))

    assert of(2**61).costs((1, 2)) == {"m": 2**62}
    for least in (False, True):
        assert of(2**61).reach("m", largest=least).value == 2 ** (61 + least)
    with pytest.raises(ValueError, match="m can exceed 2\\^62"):
        of(2**61 + 1)


TIMES = np.array([[[5, 1], [2, 9]], [[1, 7], [3, 4]]])
"""Of ``prev`` (1 or 3 channels), ``width`` (2, 4) and ``inner`` (1, 3)."""


def measured(values=TIMES, sources=("prev", "width", "inner"), name="time") -> DesignProblem:
    before = stage("before", (Decision("width", (1, 3)), DEPTH))
    costs = {"m": (term(2, Repeat.REST, time=1), term(1, Repeat.FIRST, width=1))}
    tables = (Tabled(name, sources, np.asarray(values)),)
    return chain(before, stage("after", costs=costs, tables=tables))


def test_a_table_is_a_symbol_of_costs():
    program = measured()
    for point in itertools.product((1, 3), (1,), (2, 4), (1, 2, 3), (1, 3)):
        before, _, width, depth, inner = point
        entry = TIMES[(1, 3).index(before), (2, 4).index(width), (1, 3).index(inner)]
        assert program.costs(point)["m"] == before + 2 * (depth - 1) * entry + width


def test_pins_cut_tables_too():
    program = measured().pinned({"before.width": 3, "after.inner": 1})
    assert program.stages[1].tables[0].values.tolist() == [[[1], [3]]]
    assert program.costs((3, 1, 4, 3, 1)) == measured().costs((3, 1, 4, 3, 1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sources": ("prev", "width", "depth")}, "sources among inner, prev, width"),
        ({"sources": ("width", "prev", "nothing")}, "sources among inner, prev, width"),
        ({"name": "inner"}, "a name of its own"),
        ({"values": TIMES[:, :, :1]}, "does not match its sources"),
        ({"values": TIMES[:1]}, "does not match its sources"),
        ({"values": TIMES[0]}, "does not match its sources"),
        ({"sources": ("width", "width", "inner")}, "does not match its sources"),
        ({"values": TIMES - 1}, "values must be positive integers"),
        ({"values": TIMES * 1.0}, "values must be positive integers"),
    ],
)
def test_a_table_fits_its_stage(change, message):
    with pytest.raises(ValueError, match=message):
        measured(**change)


def test_a_symbol_is_tabled_once():
    twice = (Tabled("t", ("width",), np.array([1, 2])),) * 2
    with pytest.raises(ValueError, match="distinct names of tables"):
        stage(tables=twice)


def test_tables_are_in_what_a_metric_may_reach():
    with pytest.raises(ValueError, match="can exceed"):
        measured(TIMES * 2**58)
