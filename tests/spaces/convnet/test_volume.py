"""The log-volume: its words, its terms by hand, its recount, and what is written and shown."""

import math

import numpy as np
import pytest

from mathdesign.api import design
from mathdesign.bench.published import named
from mathdesign.kinds.load import loads
from mathdesign.programs.stages import DepthTerm, LogTerm
from mathdesign.report.rows import figure_rows
from mathdesign.result import Design
from mathdesign.spaces.convnet.network import Network
from mathdesign.spaces.convnet.pose import to_program
from mathdesign.spaces.convnet.program import EntropyOptions, pose
from mathdesign.spaces.convnet.volume import VolumeOptions
from mathdesign.spec.faults import SpecError
from mathdesign.validators.convnet.recheck import recheck, verify
from mathdesign.validators.errors import ObjectiveMismatch
from tests.small import two_stages
from tests.strategies import random_space, random_volume

SPEC = """\
name: tiny
space:
  family: {family}
  input: {{channels: 3, size: 16}}
  classes: 10
  stages:
    - {{stride: 1, width: [16, 32], {inner}kernel_size: [3, 5], depth: 1..3}}
    - {{stride: 2, width: [16, 32], {inner}kernel_size: 3, depth: 1..3}}
objective: {objective}
budgets: {{params: 40k, macs: 2M}}
solve: {{gap: 0}}
"""


def spec(objective: str, family: str = "inverted_residual", inner: str = "bottleneck: [32, 64], "):
    return loads(SPEC.format(objective=objective, family=family, inner=inner))


def test_the_terms_by_hand():
    objective = to_program(spec("{volume: {rise: 1}}")).program.objective
    assert objective.logs == (
        LogTerm(1, "bottleneck", 0.5),
        LogTerm(1, "kernel_size", 0.25),
        LogTerm(2, "bottleneck", 1.0),
        LogTerm(2, "kernel_size", 0.5),
    )
    assert objective.depths == (DepthTerm(1, 0.5, 8.0), DepthTerm(2, 1.0, 8.0))
    plain = to_program(spec("{volume: {per_block: 0}}")).program.objective
    assert LogTerm(2, "depth", 1.0) in plain.logs and not plain.depths
    assert objective.constant == pytest.approx(1.5 * math.log(1.35))
    assert not objective.scales and objective.depth_penalty is None


def test_an_expansion_is_a_difference_and_a_family_without_inner_width_has_none():
    words = (
        "{volume: {inner: 0, expansion: 2, kernel_size: 0, depth: [0, 3], per_block: 0, rise: 0, "
        "weight: 10}}"
    )
    objective = to_program(spec(words)).program.objective
    assert objective.logs == (
        LogTerm(1, "bottleneck", 20.0),
        LogTerm(1, "width", -20.0),
        LogTerm(2, "depth", 30.0),
        LogTerm(2, "bottleneck", 20.0),
        LogTerm(2, "width", -20.0),
    )
    basic = to_program(spec(words, "basic", "")).program.objective
    assert basic.logs == (LogTerm(2, "depth", 30.0),)  # inner / width is 1
    assert basic.constant == 0.0


def test_given_weights_do_not_rise_and_survive_being_written():
    words = spec("{volume: {weights: [0.7, 2.4]}}")
    assert [term.weight for term in to_program(words).program.objective.depths] == [0.7, 2.4]
    again = loads(words.to_yaml())
    assert again == words and again.objective.volume.rise == 0.0


@pytest.mark.parametrize("seed", range(40))
def test_the_recount_is_its_own_and_the_same(seed: int):
    rng = np.random.default_rng(seed)
    while not pose(space := random_space(rng)).count():  # rules that contradict each other
        pass
    options, weights = random_volume(rng, space), (("params", -1e-4),)
    entropy = EntropyOptions() if rng.random() < 0.5 else None
    program = pose(space, entropy=entropy, volume=options, metric_weights=weights)
    point = tuple(int(rng.choice(values)) for values in program.decisions.values())
    while not program.feasible(point):
        point = tuple(int(rng.choice(values)) for values in program.decisions.values())
    network = Network.from_point(space, point, "any")
    counted = recheck(network, entropy=entropy, volume=options, metric_weights=weights)
    scores = program.scores(point)
    assert counted.volume == pytest.approx(scores.volume[0], rel=1e-12, abs=1e-9)
    assert counted.objective == pytest.approx(scores.objective[0], rel=1e-12, abs=1e-9)


def test_the_recount_by_hand():
    point = (8, 3, 1, 16, 24, 5, 3, 32, 8, 3, 4, 10, 1)
    network = Network.from_point(two_stages("inverted_residual"), point, "small")
    first, second = 24 * 5**0.5 * 1.35 / (1 / 3 + 8 / 16), 8 * 3**0.5 * 1.35 / (1 / 4 + 8 / 32)
    expected = 0.5 * math.log(first) + math.log(second)
    assert recheck(network, volume=VolumeOptions()).volume == pytest.approx(expected, rel=1e-14)


def test_a_wrong_claim_is_refused():
    space, point = two_stages(), (8, 3, 1, 16, 24, 5, 3, 32, 8, 3, 4, 10, 1)
    truth = recheck(Network.from_point(space, point, "small"), volume=VolumeOptions()).objective
    verify(space, point, volume=VolumeOptions(), objective=truth)
    with pytest.raises(ObjectiveMismatch):
        verify(space, point, volume=VolumeOptions(), objective=truth * 1.0001)
    with pytest.raises(ObjectiveMismatch):
        verify(space, point, volume=VolumeOptions(rise=0.5), objective=truth)


@pytest.mark.parametrize(
    ("objective", "path", "message"),
    [
        ("{volume: 1}", "objective.volume", "accepted: a mapping"),
        ("{volume: {depht: 1}}", "objective.volume.depht", "did you mean depth?"),
        ("{volume: {per_block: -8}}", "objective.volume.per_block", "greater than or equal to 0"),
        ("{volume: {depth: [1, -1]}}", "objective.volume.depth", "or `per_block: 0`"),
        ("{volume: {weight: -1}}", "objective.volume.depth", "a negative weight of depth"),
        ("{volume: {depth: [1, 2, 3]}}", "objective.volume.depth", "2 numbers, one per body"),
        ("{volume: {weights: [1]}}", "objective.volume.weights", "2 numbers, one per body"),
        ("{volume: {depth: deep}}", "objective.volume.depth", "valid number"),
        ("{volume: {width: .inf}}", "objective.volume.width", "found inf"),
        ("{volume: {rise: -1}}", "objective.volume.rise", "greater than or equal to 0"),
        (
            "{volume: {squeeze_excitation: 0}}",
            "objective.volume.squeeze_excitation",
            "greater than 0",
        ),
        ("{volume: {}, metric: params}", "objective.metric", "both `volume` and `metric`"),
        ("{}", "objective", "entropy, volume, metric or metric_weights"),
    ],
)
def test_faults(objective: str, path: str, message: str):
    with pytest.raises(SpecError) as caught:
        spec(objective)
    (fault,) = caught.value.faults
    assert fault.path == path and message in str(fault)


def test_it_is_designed_written_shown_and_read_again():
    found = design(spec("{volume: {}, metric_weights: {params: -1.0e-6}}"))
    again = Design.from_yaml(found.to_yaml())
    assert again == found and again.to_yaml() == found.to_yaml()
    proof = found.certificate
    assert proof.status == "optimal"
    assert proof.objective == pytest.approx(
        found.figures["volume"] - 1e-6 * found.metrics["params"]
    )
    assert dict(figure_rows(found))["volume"] == f"{found.figures['volume']:.6f}"


def test_beside_an_entropy_each_has_its_figure_and_without_it_there_is_none():
    both = design(spec("{entropy: {variant: paper, depth_penalty: 1}, volume: {weight: 50}}"))
    parts = both.figures["entropy"] - both.figures["depth_penalty"] + both.figures["volume"]
    assert both.certificate.objective == pytest.approx(parts, rel=1e-12)
    alone = design(spec("{entropy: {}}"))
    assert "volume" not in alone.figures and "volume" not in alone.to_yaml()


@pytest.mark.parametrize("name", ["R18-volume", "29M-volume"])
def test_the_published_budgets_under_it(name: str):
    problem, plain = named(name), named(name.removesuffix("-volume"))
    assert problem.budgets == plain.budgets and problem.size == plain.size
    assert problem.effectiveness is None and not problem.objective.scales
    assert [term.weight for term in problem.objective.depths] == [
        pytest.approx(s / 5) for s in range(1, 6)
    ]
