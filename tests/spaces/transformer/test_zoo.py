"""Published networks, spaces, students and ladders: the figures of their sources."""

import itertools
import math
from fractions import Fraction

import pytest

import mathdesign
from mathdesign.programs.base import Budget
from mathdesign.spaces.transformer.ladder import LadderRules, candidate, scaling_ladder, targets
from mathdesign.spaces.transformer.pose import to_mix_problem
from mathdesign.spaces.transformer.presets import SPACES
from mathdesign.spaces.transformer.students import GRIDS, PICKS, best_student, diverse_students
from mathdesign.spaces.transformer.zoo import GPT3, PYTHIA, language_model_choice, published
from mathdesign.spec.faults import SpecError
from mathdesign.validators.transformer.recheck import recount

EXACT = {
    "mobilellm-125m": 124_635_456, "mobilellm-350m": 345_355_200, "mobilellm-600m": 603_188_352,
    "mobilellm-1b": 1_005_461_760, "mobilellm-1.5b": 1_511_188_800, "smollm-135m": 134_515_008,
    "smollm-360m": 361_821_120, "smollm-1.7b": 1_711_376_384, "qwen2.5-0.5b": 494_032_768,
    "bert-base": 109_482_240, "t5-style-xxl": 11_003_736_064, "decoder-xxl": 4_762_310_656,
    "qwen3-4b": 4_022_468_096, "gemma-3-270m": 268_098_176,
    "vit-ti": 5_717_416, "vit-s": 22_050_664, "vit-b": 86_567_656,
}  # fmt: skip
#: Billions, as the closed form of the card counts them.
GPT3_COUNTS = (0.1252, 0.3559, 0.7603, 1.3157, 2.6516, 6.6584, 12.953, 174.604)


def test_published_networks_count_to_the_unit():
    networks = published()
    assert {name: networks[name].network.params() for name in EXACT} == EXACT


#: Shapes of the model cards, as points of a space of decoders.
POINTS = {
    "qwen3-4b": """
space:
  family: decoder_lm
  vocabulary: 151936
  context: 32768
  extra_norms: [qk]
  stacks:
    - {width: 2560, depth: [32, 36], heads: 32, head_size: 128, kv_heads: [4, 8], ffn: 9728}
""",
    "gemma-3-270m": """
space:
  family: decoder_lm
  vocabulary: 262144
  context: 32768
  extra_norms: [qk, sandwich]
  stacks:
    - {width: 640, depth: 18, heads: 4, head_size: 256, kv_heads: 1, ffn: [1024, 2048],
       attention: [softmax, sliding], window: 512, softmax_every: 6}
budgets: {kv_cache_bytes: 108527616}
""",
}


@pytest.mark.parametrize("name", POINTS)
def test_recent_decoders_are_points_of_a_space(name):
    """Found by the solver, to the layer: five windows that slide, then a full one."""
    net, text = published()[name].network, POINTS[name]
    design = mathdesign.design(mathdesign.loads(text + "objective: {metric: entropy}\n"))
    assert design.network.to_dict() == {**net.to_dict(), "name": "design"}
    assert design.metrics["params"] == EXACT[name]
    assert recount(net.to_dict()).metrics == design.metrics


def test_gemmas_cache_is_that_of_its_windows_and_its_full_layers():
    net = published()["gemma-3-270m"].network
    assert [x.attention for x in net.stacks[0].layers] == [*["sliding"] * 5, "softmax"] * 3
    assert net.kv_cache_bytes() == 108_527_616 == 2 * 2 * 256 * (15 * 512 + 3 * 32768)


def test_gpt3_within_its_rounding_with_warnings_on_two_rows():
    networks = published()
    for name, billions in zip(GPT3, GPT3_COUNTS):
        entry = networks[name]
        assert entry.network.params() / 1e9 == pytest.approx(billions, rel=5e-4), name
        assert entry.network.params() == pytest.approx(entry.rounded, rel=0.025)
    assert [name for name in GPT3 if networks[name].warnings] == ["gpt3-1.3b", "gpt3-13b"]


def test_pythia_counts_to_the_unit():
    networks = published()
    for name, (*_, params) in PYTHIA.items():
        assert networks[name].network.non_embedding_params() == params, name


@pytest.mark.parametrize(
    ("name", "millions", "billions"),
    [("base", 50.11, 4.403), ("small", 26.09, 2.019), ("agnostic", 14.35, 0.870),
     ("tiny", 6.89, 0.275)],
)  # fmt: skip
def test_the_four_students(name, millions, billions):
    student = PICKS[f"autodistil-{name}"]
    assert student.params() / 1e6 == pytest.approx(millions, abs=0.006)
    assert student.flops() / 1e9 == pytest.approx(billions, abs=0.00065)


@pytest.mark.parametrize("grid", GRIDS)
def test_students_equal_enumeration_for_each_objective_and_budget(grid):
    students = GRIDS[grid].students()
    assert len(students) == (13_824 if grid == "full" else 256)
    costs = {name: [getattr(s, name)() for s in students] for name in ("params", "flops")}
    shares = (0.4,) if grid == "full" else (0.01, 0.4, 0.8)
    for goal, budget in itertools.product(("params", "flops", "entropy"), costs):
        values = [float(getattr(s, goal)()) for s in students]
        for share in shares:
            upper = sorted(costs[budget])[int(share * len(students))]
            best = max(v for v, c in zip(values, costs[budget]) if c <= upper)
            found = best_student(GRIDS[grid], goal, (Budget(budget, upper=upper),))
            assert found is not None
            assert getattr(found, budget)() <= upper
            assert float(getattr(found, goal)()) == pytest.approx(best, rel=1e-12)


def test_bands_cover_the_grid_and_do_not_overlap():
    grid = GRIDS["small"]
    found = diverse_students(grid, "entropy", 4)
    bands = [band for band, _ in found]
    sizes = [s.params() for s in grid.students()]
    assert bands[0][0] == min(sizes) and bands[-1][1] == max(sizes)
    assert all(a[1] + 1 == b[0] for a, b in itertools.pairwise(bands))
    for (low, high), student in found:
        assert student is not None and low <= student.params() <= high


def test_a_ladder_hits_its_targets_and_grows():
    sizes = targets(100_000_000, 3_000_000_000, 6)
    steps = scaling_ladder(sizes, LadderRules(head_size=64, aspect=(24, 160)))
    for step, size in zip(steps, sizes):
        assert step.params() == pytest.approx(size, rel=0.01)
    for a, b in itertools.pairwise(steps):
        assert a.width <= b.width and a.depth <= b.depth


def test_a_ladder_equals_enumeration():
    rules = LadderRules(32, (8, 64), Fraction(4), False, 256, 64, most_width=128, most_depth=6)
    shapes = [(d, n) for d in range(32, 129, 32) for n in range(1, 7) if 8 <= d / n <= 64]
    sizes = [30_000, 120_000, 500_000]

    def miss(chosen):
        nets = [candidate(rules, *shape) for shape in chosen]
        return sum(abs(math.log(n.params() / s)) for n, s in zip(nets, sizes))

    growing = [
        c for c in itertools.product(shapes, repeat=3)
        if all(a[0] <= b[0] and a[1] <= b[1] for a, b in itertools.pairwise(c))
    ]  # fmt: skip
    found = [(n.width, n.depth) for n in scaling_ladder(sizes, rules)]
    assert miss(found) == pytest.approx(min(map(miss, growing)), rel=1e-12)


@pytest.mark.parametrize("name", SPACES)
def test_every_preset_is_a_space(name):
    family = SPACES[name]["family"]
    spec = mathdesign.loads(f"space: {{family: {family}, preset: {name}}}\neffectiveness: 1\n")
    assert to_mix_problem(spec).program.size > 1000
    assert mathdesign.loads(spec.to_yaml()) == spec


def test_the_largest_of_instatune_is_bert():
    spec = mathdesign.loads("space: {family: encoder, preset: instatune-bert}\neffectiveness: 1\n")
    assert mathdesign.design(spec).metrics["params"] == EXACT["bert-base"]


def test_an_unknown_preset_is_named():
    with pytest.raises(SpecError, match="autoformer-t"):
        mathdesign.loads("space: {family: vit, preset: autoformer}\n")


def test_the_choice_among_language_models_cites_its_study():
    plain = language_model_choice(multitask_finetuned=False)
    tuned = language_model_choice(multitask_finetuned=True)
    assert (plain["family"], tuned["family"]) == ("decoder_lm", "encoder_decoder")
    assert "2204.05832" in plain["evidence"]
