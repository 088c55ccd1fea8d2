"""Where to downsample: the placements are what their definition says, and the choice is the best."""

import dataclasses
import itertools
import math

import numpy as np
import pytest

import mathdesign
from mathdesign.api import Infeasible
from mathdesign.checking import each_check
from mathdesign.kinds import kind_of_spec
from mathdesign.result import Design
from mathdesign.spec.faults import SpecError
from mathdesign.validators.convnet.recheck import broken_rules
from tests.points import every_point

TEXT = """
name: where
space:
  family: {family}
  input: {{channels: 3, size: {size}}}
  classes: 10
  stem: {{width: 16}}
  stages: [{{width: {width}, kernel_size: {kernel}{more}}}]
  downsample: {{blocks: {blocks}, at: {at}}}
objective: {objective}
budgets: {{{budgets}}}
solve: {{gap: 0, backend: {backend}}}
"""
WORDS = {
    "family": "basic", "size": 32, "width": 16, "kernel": 3, "blocks": 9, "at": 2, "more": "",
    "objective": "{volume: {}}", "budgets": "", "backend": "auto",
}  # fmt: skip


def spec(**words):
    return mathdesign.loads(TEXT.format(**{**WORDS, **words}))


def placements(blocks: int, at: int) -> list[tuple[int, ...]]:
    """Before which blocks, counted from 0, the map is halved."""
    return list(itertools.combinations(range(blocks), at))


def depths(place: tuple[int, ...], blocks: int) -> tuple[int, ...]:
    """Blocks before the first halving, between two, after the last."""
    ends = (0, *place, blocks)
    return tuple(b - a for a, b in itertools.pairwise(ends))


def by_blocks(place: tuple[int, ...], blocks: int, width: int) -> dict[str, int]:
    """Costs of a ResNet of basic blocks, block by block: weights, two a norm, multiply-adds."""
    params, macs, side, before = 3 * 9 * 16 + 2 * 16, 3 * 9 * 16 * 32**2, 32, 16
    for block in range(blocks):
        stride = 2 if block in place else 1
        side, out = side // stride, width * 2 ** sum(p <= block for p in place)
        convs = [9 * before * out, 9 * out * out]
        if stride == 2 or before != out or block == 0:
            convs.append(before * out)  # the shortcut's projection
        params += sum(convs) + 2 * out * len(convs)
        macs += sum(convs) * side**2
        before = out
    return {"params": params + 10 * before + 10, "macs": macs + 10 * before, "blocks": blocks}


def volume(place: tuple[int, ...], blocks: int, width: int, kernel: int = 3) -> float:
    """The log-volume over the stages that there are, each weighed as one of all."""
    parts, found = depths(place, blocks), 0.0
    for s, depth in enumerate(parts):
        w = width * 2**s
        if depth:
            counted = 1 / (1 / depth + 8 / w)
            found += (s + 1) / len(parts) * (math.log(counted * w) + 0.5 * math.log(kernel))
    return found


@pytest.mark.parametrize(("blocks", "at"), [(9, 2), (5, 1), (4, 3), (3, 3), (2, 1), (1, 1)])
def test_the_placements_are_all_there_and_cost_what_they_cost(blocks, at):
    own = spec(blocks=blocks, at=at)
    kind, posed = kind_of_spec(own), kind_of_spec(own).pose(own)
    program = posed.program
    feasible = [point for point in every_point(program) if program.feasible(point)]
    assert len(feasible) == math.comb(blocks, at)
    costs = sorted(tuple(sorted(program.costs(p).items())) for p in feasible)
    expected = [by_blocks(place, blocks, 16) for place in placements(blocks, at)]
    assert costs == sorted(tuple(sorted(e.items())) for e in expected)
    found = {}
    for point in feasible:
        held = kind.held(kind.network(posed, point))
        split = tuple(int(held.get(f"stage{s + 1}.depth", 0)) for s in range(at + 1))
        found[split] = program.value(point)
    for place in placements(blocks, at):
        assert found[depths(place, blocks)] == pytest.approx(volume(place, blocks, 16), rel=1e-12)


@pytest.mark.parametrize("backend", ["auto", "exact", "highs", "paths"])
@pytest.mark.parametrize("macs", [41_000_000, 30_000_000, 60_000_000])
def test_the_proven_choice_is_that_of_36_placements(macs, backend):
    within = {
        place: volume(place, 9, 16)
        for place in placements(9, 2)
        if by_blocks(place, 9, 16)["macs"] <= macs
    }
    asked = spec(budgets=f"macs: {macs}", backend=backend)
    if not within:
        with pytest.raises(Infeasible) as caught:
            mathdesign.design(asked)
        least = min(by_blocks(place, 9, 16)["macs"] for place in placements(9, 2))
        assert caught.value.explanation.budgets[0].alone == least
        return
    design = mathdesign.design(asked)
    assert design.certificate.status == "optimal"
    assert design.certificate.objective == pytest.approx(max(within.values()), rel=1e-6)
    assert design.metrics["blocks"] == 9


@pytest.mark.parametrize("objective", ["{entropy: {}}", "{entropy: {variant: mae_det}}",
    "{entropy: {depth_stages: [1, 3]}}", "{entropy: {depth_stages: [1]}}", "{metric: params}",
    "{volume: {weights: [1, 3, 2], depth: [0.5, 1, 2]}}"])  # fmt: skip
def test_every_objective_and_width_as_enumerated(objective):
    words = {"objective": objective, "width": "8..24/8", "budgets": "params: 300k"}
    program = mathdesign.problem(spec(**words))
    best = -math.inf
    for member in program.members:
        scores = member.program.evaluator(np.array(every_point(member.program)))
        best = max(best, scores.objective[scores.feasible].max(initial=-math.inf))
    design = mathdesign.design(spec(**words, backend="exact"))
    assert design.certificate.objective == pytest.approx(best, rel=1e-6)
    assert all(
        after.width == 2 * before.width
        for before, after in itertools.pairwise(
            s for s in design.network.stages if s.role == "body"
        )
    )


@pytest.mark.parametrize(
    ("family", "more"),
    [("bottleneck", ", bottleneck: [4, 8]"), ("inverted_residual", ", expansion: 2"),
     ("convnext", ", bottleneck: 32")],
)  # fmt: skip
def test_inner_channels_double_with_the_others(family, more):
    design = mathdesign.design(spec(family=family, more=more, budgets="params: 400k"))
    body = [stage.choice for stage in design.network.stages if stage.role == "body"]
    assert all(b["bottleneck"] in (2 * a["bottleneck"], 4 * a["bottleneck"], a["bottleneck"])
               for a, b in itertools.pairwise(body))  # fmt: skip
    assert sum(stage["depth"] for stage in body) == 9


def test_pins_say_where():
    """A halving before the first block is a first stage of no blocks."""
    first = mathdesign.design(spec(budgets="macs: 60M", backend="exact"))
    for depth in (0, 1, 4):
        own = mathdesign.load({**spec().to_dict(), "pins": {"stage1.depth": depth}})
        design = mathdesign.design(own)
        split = [s for s in design.network.stages if s.role == "body"]
        assert (split[0].choice["depth"] if depth else len(split)) == (depth or 2)
        assert split[0].shape.stride == (1 if depth else 2)
        assert design.certificate.objective <= first.certificate.objective + 1e-9 or depth != 4
    with pytest.raises(
        SpecError, match=r"stage1\.depth: found 8; accepted: 0, 1, 2, 3, 4, 5, 6, 7"
    ):
        mathdesign.load({**spec().to_dict(), "pins": {"stage1.depth": 8}})


def test_both_choices_together_and_pinned():
    program = mathdesign.problem(spec(size="[16, 24, 32]"))
    assert len(program.members) == 6
    assert program.labels == ("resolution", "stage1.depth")
    assert program.decisions["stage1.depth"] == tuple(range(8))
    pinned = program.pinned({"resolution": 24, "stage1.depth": 0})
    assert len(pinned.members) == 1
    best = max(
        mathdesign.design(spec(size=n, budgets="macs: 24M")).certificate.objective for n in (16, 24)
    )
    both = mathdesign.design(spec(size="[16, 24, 32]", budgets="macs: 24M"))
    assert both.certificate.objective == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("depth", [0, 3])
def test_a_design_is_saved_checked_and_built(tmp_path, depth):
    torch = pytest.importorskip("torch")
    own = mathdesign.load({**spec().to_dict(), "pins": {"stage1.depth": depth}})
    design = mathdesign.design(own)
    loaded = Design.load(design.save(tmp_path / "design.yaml"))
    assert loaded == design
    with torch.no_grad():
        assert loaded.build().eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
    found = {check.check: check for check in itertools.islice(each_check(loaded), 4)}
    assert all(check.ok for check in found.values())
    assert "layer-by-layer recount" in found
    assert found["pins"].found == f"stage1.depth {depth}"


def test_a_network_of_other_blocks_or_widths_is_found_out():
    own = spec(width="16..32/8")
    kind = kind_of_spec(own)
    posed = kind.pose(own)
    part = posed.parts[0]
    network = mathdesign.design(own).network

    def with_choice(index: int, **values):
        stages = list(network.stages)
        choice = {**stages[index].choice, **values}
        stages[index] = dataclasses.replace(stages[index], choice=choice)
        if "width" in values:
            after = dataclasses.replace(stages[index + 1], prev=values["width"])
            stages[index + 1] = after
        return dataclasses.replace(network, stages=tuple(stages))

    assert list(broken_rules(part.space, network)) == []
    depth = network.stages[1].choice["depth"]
    more = with_choice(1, depth=depth + 1)
    assert any("10 blocks where the space has 9" in b for b in broken_rules(part.space, more))
    other = 32 if network.stages[1].width != 32 else 16
    wide = with_choice(1, width=other)
    assert any("is not 2 times" in b for b in broken_rules(part.space, wide))


def test_user_rows_count_no_stage_that_is_not_there():
    rows = "rows: [{name: early, sum: {stage1: depth * width, stage2: depth}, max: 40}]\n"
    own = mathdesign.loads(TEXT.format(**WORDS) + rows)
    design = mathdesign.design(own)
    body = {s.name: s.choice for s in design.network.stages if s.role == "body"}
    first = body["stage1"]["depth"] * 16 if "stage1" in body else 0
    assert design.metrics["early"] == first + body["stage2"]["depth"] <= 40


def test_all_faults_at_once_with_place_and_cure():
    text = TEXT.format(**{**WORDS, "blocks": 3, "at": 4, "more": ", stride: 2, depth: 2"})
    with pytest.raises(SpecError) as caught:
        mathdesign.loads(text.replace("size: 32", "size: 0"))
    with pytest.raises(SpecError) as caught:
        mathdesign.loads(text)
    found = {fault.path: str(fault) for fault in caught.value.faults}
    assert "at most as many as blocks, 3" in found["space.downsample.at"]
    assert "it is decided" in found["space.stages[0].stride"]
    assert "`blocks` says it" in found["space.stages[0].depth"]
    two = TEXT.format(**WORDS).replace("[{width", "[{width: 8}, {width")
    with pytest.raises(SpecError, match="2 stages beside `downsample`"):
        mathdesign.loads(two)
    with pytest.raises(SpecError, match="stride 2 on a map of 1 pixel"):
        spec(blocks=12, at=12)
    with pytest.raises(SpecError, match=r"space\.downsample\.blocks: found 0"):
        spec(blocks=0)


def test_times_is_a_rule_of_any_space():
    text = TEXT.format(**WORDS).replace("  downsample: {blocks: 9, at: 2}\n", "")
    text = text.replace("}]", "}, {width: 8..64/8, times: 1.5}]")
    design = mathdesign.design(mathdesign.loads(text))
    assert [s.width for s in design.network.stages if s.role == "body"] == [16, 24]
