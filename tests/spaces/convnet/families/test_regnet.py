"""RegNetX-400MF and RegNetY-400MF are points of family ``regnet``; groups are a rule."""

import numpy as np
import pytest
import torch

from mathdesign.export.convnet import build
from mathdesign.kinds.load import loads
from mathdesign.programs.evaluate import Evaluator
from mathdesign.solvers import SolveOptions, backend
from mathdesign.spaces.convnet.network import Network, NetworkError
from mathdesign.spaces.convnet.pose import to_program
from mathdesign.spec.faults import SpecError
from mathdesign.validators.convnet.recheck import recheck
from mathdesign.validators.convnet.recount import recount
from mathdesign.validators.training.data import load, split
from mathdesign.validators.training.images import TrainingOptions, initialised, train
from tests.strategies import random_problem

torch.set_num_threads(1)  # tiny tensors; several threads only wait for each other

PUBLISHED = """\
space:
  family: regnet
  input: {{channels: 3, size: 224}}
  classes: 1000
  stem: {{width: 32, kernel_size: 3, stride: 2}}
  stages:
    - {{stride: 2, width: {0}, group_width: {4}, depth: {5}, squeeze_excitation: {9}}}
    - {{stride: 2, width: {1}, group_width: {4}, depth: {6}, squeeze_excitation: {9}}}
    - {{stride: 2, width: {2}, group_width: {4}, depth: {7}, squeeze_excitation: {9}}}
    - {{stride: 2, width: {3}, group_width: {4}, depth: {8}, squeeze_excitation: {9}}}
"""
SMALL = """\
space:
  family: regnet
  input: {channels: 3, size: 16}
  classes: 10
  stem: {width: [8, 16]}
  stages:
    - {stride: 2, width: 8..24/8, bottleneck: 8..24/8, group_width: [4, 16], depth: 1..2,
       squeeze_excitation: true}
    - {stride: 1, width: 8..24/8, expansion: [1, 2], group_width: 8, depth: 1..2}
objective: {metric: params}
budgets: {params: 9k}
"""


def torchvision(name: str) -> tuple[tuple, int, int]:
    """Widths, group width, depths, SE; then parameters and multiply-adds.

    Both counted on torchvision 0.29.1's models at 224 pixels, with torch.utils.flop_counter (two
    operations a multiply-add); its documentation lists the same parameters and 0.402 and 0.414 G.
    """
    return {
        "regnet_y_400mf": ((48, 104, 208, 440, 8, 1, 3, 6, 6, "true"), 4_344_144, 401_842_848),
        "regnet_x_400mf": ((32, 64, 160, 400, 16, 1, 2, 7, 12, "false"), 5_495_976, 413_812_608),
    }[name]


@pytest.mark.parametrize("name", ["regnet_y_400mf", "regnet_x_400mf"])
def test_torchvisions_networks_count_exactly(name):
    words, params, macs = torchvision(name)
    program = to_program(loads(PUBLISHED.format(*words)))
    point = [d.values[0] for stage in program.program.stages for d in stage.decisions]
    assert program.program.size == 1
    metrics = Evaluator(program.program).metrics(np.array(point))
    network = Network.from_point(program.space, point, name)
    counted, built = recheck(network).metrics, recount(build(network), 3, 224)
    assert int(metrics["params"][0]) == counted["params"] == built.params == params
    assert int(metrics["macs"][0]) == counted["macs"] == built.macs == macs


@pytest.mark.parametrize("name", ["exact", "highs", "scip"])
def test_every_engine_finds_the_best_of_a_small_space(name):
    problem = to_program(loads(SMALL)).program
    assert {r.reason for r in problem.rules} == {"groups of equal width", "expansion"}
    best = backend("brute").solve(problem, SolveOptions(gap=0))
    found = backend(name).solve(problem, SolveOptions(gap=0))
    assert found.objective == pytest.approx(best.objective, rel=1e-6)
    relaxed = backend("cvxpy").solve(problem, SolveOptions(gap=0))
    assert relaxed.objective <= best.objective <= relaxed.bound * (1 + 1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_engines_agree_on_random_problems(seed):
    problem = random_problem(np.random.default_rng(seed), "regnet", 2000)
    best = backend("brute").solve(problem, SolveOptions(gap=0))
    for name in ("exact", "highs"):
        found = backend(name).solve(problem, SolveOptions(gap=0))
        assert (found.objective is None) == (best.objective is None)
        if best.objective is not None:
            assert found.objective == pytest.approx(best.objective, rel=1e-6, abs=1e-6)


def test_groups_that_do_not_divide_are_no_network():
    program = to_program(loads(SMALL))
    point = [8, 3, 1, 16, 16, 16, 3, 1, 8, 16, 8, 3, 1, 10, 1]
    assert Network.from_point(program.space, point, "good").stages[1].choice["group_width"] == 16
    assert Evaluator(program.program)(np.array(point)).feasible[0]
    point[4] = 24
    with pytest.raises(NetworkError, match="bottleneck 24 and group_width 16: groups of equal"):
        Network.from_point(program.space, point, "bad")
    assert not Evaluator(program.program)(np.array(point)).feasible[0]


def test_the_bottleneck_is_the_width_unless_told_otherwise():
    text = SMALL.replace("bottleneck: 8..24/8, ", "")
    stage = to_program(loads(text)).space.stages[1]
    assert stage.ratios == {"bottleneck": (1,)} and stage.choices["bottleneck"] == (8, 16, 24)


@pytest.mark.parametrize(
    ("this", "that", "path", "message"),
    [
        ("group_width: 8, ", "", "stages[1].group_width", "the key 'group_width' is needed"),
        (
            "expansion: [1, 2]",
            "expansion: 1, bottleneck: 8",
            "stages[1]",
            "both; accepted: exactly",
        ),
        ("width: [8, 16]", "width: [6, 16]", "stages[0].width", "found [6]; accepted: multiples"),
        ("bottleneck: 8..24/8", "bottleneck: [7, 8]", "stages[0].bottleneck", "multiples of 2"),
        ("stride: 1,", "stride: 1, groups_width: 8,", "stages[1].groups_width", "mean group_width"),
        ("family: regnet", "family: basic", "stages[1].group_width", "nothing: family basic has"),
        ("family: regnet", "family: regent", "space.family", "did you mean regnet?"),
    ],
)
def test_its_faults(this, that, path, message):
    with pytest.raises(SpecError) as caught:
        loads(SMALL.replace(this, that, 1))
    assert any(path in fault.path and message in str(fault) for fault in caught.value.faults)


def test_a_network_whose_input_has_no_quarter_is_refused():
    program = to_program(loads(SMALL))
    point = [8, 3, 1, 16, 16, 16, 3, 1, 8, 16, 8, 3, 1, 10, 1]
    data = Network.from_point(program.space, point, "good").to_dict()
    assert data["stages"][1]["squeeze_excitation"] is True
    data["stages"][0]["width"] = 6
    with pytest.raises(NetworkError, match=r"\[6\] channels have no quarter"):
        Network.from_dict(data)


def test_a_block_starts_as_its_shortcut():
    program = to_program(loads(SMALL))
    point = [8, 3, 1, 16, 16, 16, 3, 2, 8, 16, 8, 3, 1, 10, 1]
    module = build(Network.from_point(program.space, point, "start")).eval()
    x = torch.rand(2, 16, 4, 4)
    with torch.no_grad():
        assert torch.equal(module.stages[1][1](x), x)


@pytest.mark.parametrize("squeeze", ["true", "false"])
def test_ten_blocks_learn_the_digits(squeeze):
    text = f"""
space:
  family: regnet
  input: {{channels: 1, size: 8}}
  classes: 10
  stem: {{width: 16}}
  stages: [{{stride: 2, width: 32, group_width: 8, depth: 10, squeeze_excitation: {squeeze}}}]
"""
    program = to_program(loads(text))
    point = [d.values[0] for stage in program.program.stages for d in stage.decisions]
    network = Network.from_point(program.space, point, "deep")
    digits = split(load("digits", channels=1, size=8, classes=10), seed=0)
    result = train(initialised(lambda: build(network), 0), digits, TrainingOptions(epochs=6))
    assert result.test_accuracy >= 0.94
