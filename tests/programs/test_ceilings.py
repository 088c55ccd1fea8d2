"""Peaks: the greatest of several integers, limited from above only, in programs of every form."""

from dataclasses import replace

import numpy as np
import pytest

from mathdesign.explain import explain
from mathdesign.programs.base import Budget, Limit
from mathdesign.programs.stages import Alive, When
from mathdesign.solvers import SolveOptions, Status
from mathdesign.solvers.portfolio import solve
from mathdesign.spaces.kind import Lifted
from tests import points
from tests.ceilings import PEAK, held_chain, held_mixes, held_slots

MAKERS = {"chain": held_chain, "slots": held_slots, "mixes": held_mixes}
FEW = 150


def small(maker, seeds):
    """Programs that can be listed."""
    return [p for p in map(maker, seeds) if p.points <= FEW]


@pytest.mark.parametrize("form", MAKERS)
def test_a_ceiling_leaves_exactly_the_points_whose_peak_keeps_it(form):
    for program in small(MAKERS[form], range(12)):
        limit = next(b.upper for b in program.ceilings)
        bare = program.without(PEAK)
        assert bare.peak_names == (PEAK,) and not bare.ceilings
        for point in points.every_point(program):
            keeps = program.peaks(point)[PEAK] <= limit
            assert program.feasible(point) == (bare.feasible(point) and keeps)


@pytest.mark.parametrize("form", MAKERS)
def test_the_algebra_moves_lifts_and_names_the_peak(form):
    for program in small(MAKERS[form], range(20, 26)):
        (ceiling,) = program.ceilings
        limit = Limit(PEAK, "max", ceiling.upper)
        assert limit in program.limits
        tighter = program.relimited(replace(limit, bound=ceiling.upper - 1))
        assert Limit(PEAK, "max", ceiling.upper - 1) in tighter.limits
        assert len(tighter.limits) == len(program.limits)
        assert program.relimited(limit, lift=True).limits == program.without(PEAK).limits
        assert not program.unlimited().ceilings and not program.widened().ceilings
        again = program.with_budgets([*program.asked])
        assert again.limits == program.limits
        for point in points.every_point(program):
            assert again.feasible(point) == program.feasible(point)
            loose = program.relimited(limit, lift=True)
            assert not tighter.feasible(point) or program.feasible(point)
            assert not program.feasible(point) or loose.feasible(point)
        with pytest.raises(ValueError, match="upper limits only"):
            program.with_budgets([Budget(PEAK, 5, 1)])
        with pytest.raises(KeyError):
            program.maximising({PEAK: 1.0})


@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize("form", MAKERS)
def test_the_reach_of_a_peak_is_that_of_all_points(form, largest):
    for program in small(MAKERS[form], range(40, 52)):
        bare = program.unlimited()
        reach = bare.reach(PEAK, largest=largest)
        every = [bare.peaks(p)[PEAK] for p in points.every_point(bare) if bare.feasible(p)]
        if reach is None or not every:
            continue
        assert reach.value == (max(every) if largest else min(every))
        assert bare.peaks(reach.point)[PEAK] == reach.value and bare.feasible(reach.point)


@pytest.mark.parametrize("form", MAKERS)
def test_an_impossible_ceiling_is_told_with_the_least_that_works(form):
    for program in small(MAKERS[form], range(60, 70)):
        bare = program.unlimited()
        every = [bare.peaks(p)[PEAK] for p in points.every_point(bare) if bare.feasible(p)]
        if not every or min(every) == 0:
            continue
        asked = bare.with_budgets([Budget(PEAK, min(every) - 1)])
        assert solve(asked, SolveOptions(gap=0.0)).status is Status.INFEASIBLE
        told = explain(Lifted(asked))
        (reach,) = told.budgets
        assert (reach.alone, reach.together, reach.proven) == (min(every), min(every), True)
        assert told.cure == (Limit(PEAK, "max", min(every)),)


@pytest.mark.parametrize("form", MAKERS)
def test_a_looser_ceiling_never_lowers_the_optimum(form):
    for program in small(MAKERS[form], range(80, 88)):
        limit = next(b.upper for b in program.ceilings)
        found = []
        for bound in (max(limit // 2, 0), limit, 2 * limit, None):
            move = Limit(PEAK, "max", limit if bound is None else bound)
            best = points.best(program.relimited(move, lift=bound is None))
            found.append(-np.inf if best is None else best)
        assert found == sorted(found)


def test_an_operator_below_another_says_nothing():
    many = Alive("many", (("prev", 3), ("width", 4)), 7)
    assert Alive("few", (("prev", 3),), 7).below(many, {})
    assert not Alive("other", (("bottleneck", 1),)).below(many, {})
    assert not Alive("constant", (("prev", 1),), 8).below(many, {})
    assert Alive("later", (("width", 1),), when=When.AGAIN).below(many, {})
    assert not many.below(Alive("many", many.terms, 7, When.SAME), {})
    derived = Alive("derived", (("squeeze", 3), ("width", 1)))
    assert derived.below(many, {"squeeze": "width"}) and not derived.below(many, {})
    assert not Alive("both", (("squeeze", 3), ("width", 2))).below(many, {"squeeze": "width"})
    halves = Alive("halves", (("prev", 6), ("width", 8)), 14, parts=2)
    assert halves.below(many, {}) and many.below(halves, {})
    assert not Alive("more", (("prev", 7),), parts=2).below(many, {})
