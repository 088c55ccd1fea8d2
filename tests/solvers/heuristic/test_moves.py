"""Moves keep the rules, snap to the domains, and can reach every design."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mathdesign.solvers.heuristic.construct import WidthChain
from mathdesign.solvers.heuristic.moves import Moves, closest, nearest
from mathdesign.solvers.heuristic.scoring import Scoring
from mathdesign.spaces.convnet.families import StageShape
from mathdesign.spaces.convnet.program import pose
from mathdesign.spaces.convnet.space import Space, StageSpace, WidthRules
from tests.small import two_stage_problem

MONOTONE = WidthRules(monotone=True)


@settings(deadline=None, derandomize=True)
@given(st.integers(1, 2**40), st.integers(0, 45))
def test_nearest_set_bit(mask, target):
    positions = [i for i in range(41) if mask >> i & 1]
    assert abs(nearest(mask, target) - target) == min(abs(i - target) for i in positions)


def test_closest_value_ties_go_up():
    assert [closest((8, 16, 64), v) for v in (0, 8, 11, 12, 41, 99)] == [0, 0, 0, 1, 2, 2]


@pytest.mark.parametrize("kind", ["mutate", "step"])
def test_no_move_breaks_a_rule(kind):
    problem = two_stage_problem(rules=MONOTONE, budgets=(), effectiveness=None)
    scoring, moves, rng = Scoring(problem), Moves(problem), Random(0)
    index = WidthChain(moves).smallest()
    seen = set()
    for _ in range(3000):
        index = getattr(moves, kind)(index, rng)
        assert scoring(index)[1] == 0.0
        seen.add(index)
    for column, domain in enumerate(scoring.domains):
        assert {i[column] for i in seen} == set(range(len(domain)))


def test_widths_tied_by_identity_shortcuts_move_together():
    widths = (16, 24, 32)
    body = {"width": widths, "bottleneck": (8, 16), "kernel_size": (3,), "depth": (1, 2)}
    tied = StageShape(1, 16, 16, identity_shortcut=True)
    space = Space(
        3,
        32,
        (
            StageSpace(
                "stem", "stem", "conv", StageShape(2, 32, 16),
                {"width": widths, "kernel_size": (3,), "depth": (1,)},
            ),
            StageSpace("stage1", "body", "bottleneck", tied, body),
            StageSpace("stage2", "body", "bottleneck", tied, body),
            StageSpace(
                "classifier", "classifier", "classifier", StageShape(1, 16, 1),
                {"width": (10,), "depth": (1,)},
            ),
        ),
    )  # fmt: skip
    problem = pose(space, metric_weights=(("params", 1.0),))
    scoring, moves, rng = Scoring(problem), Moves(problem), Random(1)
    index = WidthChain(moves).smallest()
    seen = set()
    for _ in range(500):
        index = moves.mutate(index, rng)
        assert scoring(index)[1] == 0.0
        seen.add(scoring.point(index)[0])
    assert seen == set(widths)


def test_walks_start_on_designs_that_the_rules_allow():
    problem = two_stage_problem("inverted_residual", MONOTONE, (), None)
    scoring, chain = Scoring(problem), WidthChain(Moves(problem))
    assert scoring(chain.smallest())[1] == 0.0
    assert scoring.point(chain.smallest()) == tuple(
        np.array([d[0] for d in scoring.domains]).tolist()
    )
    rng = Random(2)
    assert all(scoring(chain.random(rng))[1] == 0.0 for _ in range(50))
