"""The vectorised evaluator against sums done by hand."""

import math

import numpy as np
import pytest

from mathdesign.programs.evaluate import CHUNK, Evaluator
from mathdesign.solvers.scan.chain import enumerate_points
from tests.small import two_stage_problem

POINT = (16, 3, 1, 32, 8, 3, 2, 48, 16, 5, 3, 10, 1)
"""stem 16; stage1 width 32, bottleneck 8, k3, depth 2; stage2 width 48, bottleneck 16, k5, depth 3."""


def test_params_and_macs_of_one_network_by_hand():
    scores = Evaluator(two_stage_problem())(np.array(POINT))
    stem = 3 * 9 * 16 + 2 * 16
    first = 16 * 8 + 9 * 8 * 8 + 8 * 32 + 16 * 32 + 2 * (8 + 8 + 32 + 32)
    second = 32 * 8 + 9 * 8 * 8 + 8 * 32 + 2 * (8 + 8 + 32)
    third = 32 * 16 + 25 * 16 * 16 + 16 * 48 + 32 * 48 + 2 * (16 + 16 + 48 + 48)
    later = 2 * (48 * 16 + 25 * 16 * 16 + 16 * 48 + 2 * (16 + 16 + 48))
    assert scores.metrics["params"][0] == stem + first + second + third + later + 48 * 10 + 10
    macs = 3 * 9 * 16 * 256  # stem, 16x16 positions
    macs += 16 * 8 * 256 + (9 * 8 * 8 + 8 * 32 + 16 * 32) * 64  # stage1 enters at 16x16
    macs += (32 * 8 + 9 * 8 * 8 + 8 * 32) * 64
    macs += 32 * 16 * 64 + (25 * 16 * 16 + 16 * 48 + 32 * 48) * 16
    macs += 2 * (48 * 16 + 25 * 16 * 16 + 16 * 48) * 16 + 48 * 10
    assert scores.metrics["macs"][0] == macs
    assert scores.metrics["blocks"][0] == 5


def test_objective_of_one_network_by_hand():
    scores = Evaluator(two_stage_problem())(np.array(POINT))
    w0 = math.log(3 * 9)
    w1 = w0 + math.log(16 * 9 * 8 * 8) + math.log(32 * 9 * 8 * 8)
    w2 = w1 + math.log(32 * 25 * 16 * 16) + 2 * math.log(48 * 25 * 16 * 16)
    entropy = 0.5 * (math.log(256 * 16) * w0 + math.log(64 * 32) * w1 + 8 * math.log(16 * 48) * w2)
    assert scores.entropy[0] == pytest.approx(entropy, rel=1e-12)
    # Two body stages: the published slice leaves the last alone, whose deviation is 0.
    assert scores.penalty[0] == pytest.approx(10.0)
    assert scores.objective[0] == pytest.approx(entropy - 10.0, rel=1e-12)
    rho = max(1 / math.exp(w0), 7 / math.exp(w1 / 7), 16 / math.exp(w2 / 16))
    assert scores.effectiveness[0] == pytest.approx(rho, rel=1e-12)


def test_chunks_change_nothing():
    problem = two_stage_problem()
    points = np.concatenate(list(enumerate_points(problem)))
    points = np.tile(points, (2, 1))[: CHUNK + 3]
    whole, pieces = Evaluator(problem)(points), Evaluator(problem)
    for i in (0, 1, CHUNK - 1, CHUNK, CHUNK + 2):
        one = pieces(points[i])
        assert one.objective[0] == whole.objective[i]
        assert one.metrics["macs"][0] == whole.metrics["macs"][i]
