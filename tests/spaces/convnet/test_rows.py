"""Limits of the user's own: sums over stages of products of their choices."""

import itertools

import pytest

import mathdesign
from mathdesign.kinds.load import loads
from mathdesign.solvers import SolveOptions, backend
from mathdesign.spaces.convnet.pose import to_program
from mathdesign.spec.faults import SpecError
from mathdesign.spec.values import product_texts, products

TEXT = """\
version: 1
space:
  family: bottleneck
  input: {channels: 3, size: 32}
  classes: 10
  stem: {width: [8, 16]}
  stages:
    - {stride: 2, width: 8..32/8, bottleneck: 8..16/8, depth: 1..3}
    - {stride: 2, width: 8..32/8, bottleneck: [8], kernel_size: [3, 5], depth: 1..3}
rows:
  - {name: early, sum: {stem: width, stage1: [depth, 2 * depth * width]}, max: 100}
  - {name: late, sum: {stage2: 3 * prev * kernel_size^2}, min: 500}
"""


def early_and_late(stem, width1, depth1, kernel2):
    return stem + depth1 + 2 * depth1 * width1, 3 * width1 * kernel2**2


def test_rows_are_metrics_that_the_design_reports_and_keeps():
    design = mathdesign.design(loads(TEXT))
    stem, first, second, _ = (stage.choice for stage in design.network.stages)
    expected = early_and_late(stem["width"], first["width"], first["depth"], second["kernel_size"])
    assert (design.metrics["early"], design.metrics["late"]) == expected
    assert expected[0] <= 100 and expected[1] >= 500
    assert {use.metric for use in design.budgets} == {"early", "late"}


def test_the_number_of_designs_that_keep_the_rows_is_as_counted_by_hand():
    problem = to_program(loads(TEXT)).program
    free = itertools.product((8, 16), (8, 16, 24, 32), (1, 2, 3), (3, 5))
    kept = [early_and_late(*choice) for choice in free]
    by_hand = sum(early <= 100 and late >= 500 for early, late in kept) * 2 * 4 * 3
    grid = itertools.product(*(d.values for s in problem.stages for d in s.decisions))
    from mathdesign.programs.evaluate import Evaluator

    assert int(Evaluator(problem)(list(grid)).feasible.sum()) == by_hand


@pytest.mark.parametrize("name", ["exact", "highs"])
def test_backends_agree_under_rows(name: str):
    problem = to_program(loads(TEXT)).program
    best = backend("brute").solve(problem, SolveOptions(gap=0))
    found = backend(name).solve(problem, SolveOptions(gap=0))
    assert found.objective == pytest.approx(best.objective, rel=1e-6)


def test_rows_survive_the_canonical_form():
    spec = loads(TEXT)
    assert loads(spec.to_yaml()) == spec
    assert product_texts(products(["width * 3 * kernel_size^2", 7, "2*depth"])) == [
        "3 * kernel_size^2 * width",
        "7",
        "2 * depth",
    ]


def test_all_faults_of_rows_at_once():
    text = TEXT.replace("stage1:", "stage9:").replace("prev", "bottlenek").replace(", max: 100", "")
    with pytest.raises(SpecError) as caught:
        loads(text.replace("name: late", "name: macs"))
    message = str(caught.value)
    for expected in ("stage9", "'bottlenek'", "bottleneck", "no limit", "'macs' again"):
        assert expected in message


@pytest.mark.parametrize("text", ["width +1", "depth * depth", "2 ** 3", "import os", "-3", "", 0])
def test_anything_but_a_product_is_refused(text):
    with pytest.raises(ValueError):
        products(text)
