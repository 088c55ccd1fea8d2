"""The log-volume of transformers: by hand, as a program, against enumeration, and what it picks."""

import math
from random import Random

import pytest

import mathdesign
from mathdesign.kinds.load import load
from mathdesign.programs.base import Budget
from mathdesign.solvers.base import SolveOptions
from mathdesign.solvers.portfolio import solve
from mathdesign.spaces.transformer.pose import pose
from mathdesign.spaces.transformer.shape import Layer, Stack
from mathdesign.spaces.transformer.volume import log_depth, stack_volume, volume
from mathdesign.validators.transformer.recheck import recount


def spec(stacks, family="decoder_lm", minimise=False, **more):
    image = {"vit": {"image": {"size": 32, "patch": 8}, "classes": 10}}
    words = image.get(family, {"vocabulary": 64, "context": 32})
    return load(
        {
            "space": {"family": family, **words, "stacks": stacks},
            "objective": {"metric": "volume", "minimise": minimise},
            **more,
        }
    )


def test_by_hand():
    layers = (Layer(2, 2, 16, 96), Layer(4, 2, 16, 192))
    widths = (64 * 64 * 32 * 96) ** 0.25, (64 * 64 * 64 * 192) ** 0.25
    expected = (math.log(widths[0]) + math.log(widths[1])) / 2 - math.log(1 / 2 + 12 / 64)
    assert stack_volume(Stack(64, layers)) == pytest.approx(expected, rel=1e-14)
    assert log_depth(1, 10**9) == pytest.approx(0, abs=1e-7)
    assert math.exp(log_depth(10**9, 240)) == pytest.approx(20, rel=1e-6)  # at most width / 12


def random_spec(rng):
    family = rng.choice(["decoder_lm", "encoder", "encoder_decoder", "vit"])

    count = 2 if family == "encoder_decoder" else 1

    def stack():
        return {
            "width": rng.sample([16, 32, 48, 64], 2 if count == 1 else 1),
            "depth": sorted(rng.sample([1, 2, 4], rng.randint(1, 2))),
            "head_size": 8, "heads": rng.sample([1, 2, 4], 3 - count),
            "ffn_ratio": rng.sample([1, 2, 4], rng.randint(1, 2)),
            "layers": rng.choice(["free", "shared"]),
        }  # fmt: skip

    stacks = [stack() for _ in range(count)]
    return spec(stacks, family, minimise=rng.random() < 0.2)


@pytest.mark.parametrize("seed", range(40))
def test_the_program_is_the_formula_and_every_backend_finds_its_best(seed):
    rng = Random(seed)
    posed = pose(random_spec(rng))
    params = posed.program.reach("params").value, posed.program.reach("params", largest=True).value
    limit = int(params[0] + rng.random() * (params[1] - params[0]))
    program = posed.program.with_budgets((*posed.program.budgets, Budget("params", limit)))
    best = solve(program, SolveOptions(gap=0.0), "brute")
    for backend in ("frames", "highs"):
        found = solve(program, SolveOptions(gap=0.0), backend)
        assert found.objective == pytest.approx(best.objective, rel=1e-9), backend
    net = posed.network(best.point)
    sign = -1 if posed.spec.objective.minimise else 1
    assert best.objective == pytest.approx(sign * volume(net), rel=1e-12)
    assert recount(net.to_dict()).volume == pytest.approx(volume(net), rel=1e-12)


def test_a_design_is_proven_and_counted_again():
    stacks = [{"width": "64..256/32", "depth": "1..12", "head_size": 32, "ffn_ratio": [2, 4]}]
    design = mathdesign.design(spec(stacks, budgets={"params": "1M"}))
    assert design.certificate.status == "optimal"
    net = design.network
    assert design.certificate.objective == pytest.approx(volume(net), rel=1e-9)
    # Neither one layer nor as many as there may be.
    assert 2 <= len(net.stacks[0].layers) <= 11


GEMSTONES = [
    ([(768, 3), (512, 14), (256, 80), (384, 36)], (384, 36)),
    ([(2560, 8), (1792, 18), (1280, 36)], (1280, 36)),
    ([(3072, 12), (2048, 27), (1536, 50)], (1536, 50)),
]


@pytest.mark.parametrize("shapes, best", GEMSTONES)
def test_of_decoders_of_one_size_it_takes_the_one_that_trained_best(shapes, best):
    def of(shape):
        width, depth = shape
        return stack_volume(
            Stack(width, (Layer(width // 128, width // 128, 128, 4 * width),) * depth)
        )

    assert max(shapes, key=of) == best


@pytest.mark.parametrize(
    ("attention", "metric"), [("softmax", "volume"), ("[softmax, linear]", "entropy")]
)
def test_the_default_sees_all_that_layers_choose(attention: str, metric: str):
    """The volume does not tell kinds of attention apart; what is saved says what was maximised."""
    text = (
        "space: {family: decoder_lm, vocabulary: 256, context: 64, stacks: [{width: [32, 64], "
        f"depth: 1..4, head_size: 16, ffn_ratio: 4, attention: {attention}}}]}}\n"
    )
    spec = mathdesign.loads(text)
    assert spec.objective.metric == metric and spec.to_dict()["objective"]["metric"] == metric
    assert mathdesign.loads(spec.to_yaml()) == spec
    assert (spec.effectiveness_limit() is None) == (metric == "volume")
    given = mathdesign.loads(text + "objective: {metric: params, minimise: true}\n")
    assert given.objective.metric == "params" and given.objective.minimise
