"""Limits hold from the first second: while a program is posed, and while `check` looks at it."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

import mathdesign
from mathdesign.api import NoDesignFound, pose, solve_options
from mathdesign.cli.main import app
from mathdesign.explain import reaches_of
from mathdesign.kinds import KINDS, kind_of_spec
from mathdesign.solvers.base import Clock, SolveOptions, Termination
from mathdesign.spaces.kind import Lifted
from mathdesign.spaces.transformer import pose as posing
from mathdesign.spec.faults import SpecError
from tests.gallery import GALLERY

CHAIN = """
space:
  family: basic
  input: {channels: 3, size: 32}
  classes: 10
  stem: {width: 8, kernel_size: 3}
  stages:
    - {stride: 2, width: 8..64/8, kernel_size: [3, 5], depth: 1..3}
    - {stride: 2, width: 8..64/8, kernel_size: [3, 5], depth: 1..3}
  rules: {monotone_width: true}
budgets: {params: 100k, effectiveness: 0.5}
"""
SLOTS = """
space: {family: nats_size}
objective: {metric: params}
budgets: {params: 100k}
"""
PAIR = """
space:
  family: encoder_decoder
  vocabulary: 256
  context: 256
  stacks:
    - {width: 64..640/32, depth: 2..6, head_size: 32, ffn_ratio: [2, 4]}
    - {width: 64..640/32, depth: 2..6, head_size: 32, ffn_ratio: [2, 4]}
objective: {metric: entropy}
budgets: {params: 5M}
"""
EVERY = {"chain": CHAIN, "slots": SLOTS, "mixes": PAIR}


def test_every_form_is_here():
    specs = [mathdesign.loads(text) for text in EVERY.values()]
    assert {kind_of_spec(spec).name for spec in specs} == {kind.name for kind in KINDS}


@pytest.mark.parametrize("form", EVERY)
def test_posing_is_stopped_and_says_what_stopped_it(form):
    spec = mathdesign.loads(EVERY[form])
    options = solve_options(spec.solve, mathdesign.Hooks(should_stop=lambda: True))
    with pytest.raises(NoDesignFound, match=r"no design found: posing stopped \(interrupted\)"):
        pose(spec, Clock(options))
    late = Clock(replace(options, should_stop=None, time_limit_s=0.0))
    with pytest.raises(NoDesignFound) as caught:
        pose(spec, late)
    assert caught.value.solution.termination is Termination.TIME_LIMIT


def test_posing_tells_how_far_it_is(monkeypatch):
    monkeypatch.setattr("mathdesign.api.SILENT_S", 0.0)
    heard: list[str] = []
    spec = mathdesign.loads(PAIR)
    hooks = mathdesign.Hooks(on_progress=lambda report: heard.append(report.phase))
    pose(spec, Clock(solve_options(spec.solve, hooks)))
    assert "posing: costs of widths, 300 of 361" in heard
    assert "posing: widths, 0 of 361" in heard


def test_the_time_of_posing_is_taken_from_the_solver(monkeypatch):
    """A limit counts once, from the first second."""
    monkeypatch.setattr("mathdesign.api.SILENT_S", 0.0)
    given: list[float] = []
    spec = mathdesign.loads(CHAIN + "solve: {backend: evolution}")
    monkeypatch.setattr(
        "mathdesign.solvers.heuristic.evolution.Evolution.solve",
        lambda self, problem, options: given.append(options.time_limit_s) or 1 / 0,
    )
    hooks = mathdesign.Hooks(on_progress=lambda report: time.sleep(0.02))
    with pytest.raises(ZeroDivisionError):
        mathdesign.design(spec, hooks)
    assert given[0] <= spec.solve.time_limit - 0.02


def test_a_stack_is_priced_once_for_all_frames_in_which_it_costs_the_same(monkeypatch):
    calls = []
    real = posing._option
    monkeypatch.setattr(posing, "_option", lambda *a: calls.append(1) or real(*a))
    program = mathdesign.problem(mathdesign.loads(PAIR))
    # 19 encoders and, as a decoder reads its encoder, 19 * 19 decoders, of two layers each.
    assert len(program.frames) == 361 and len(calls) == 2 * (19 + 361)


def test_shared_groups_cost_what_they_cost_alone():
    """Each frame's costs are those of its network, layer by layer."""
    spec = mathdesign.loads(PAIR)
    posed = kind_of_spec(spec).pose(spec)
    rng = np.random.default_rng(0)
    for index in rng.integers(0, 361, 12).tolist():
        point = [index]
        for group in posed.program.frames[index].groups:
            counts = np.bincount(rng.integers(0, 2, group.least), minlength=len(group.values))
            point += counts.tolist()
        net, costs = posed.network(point), posed.program.costs(point)
        assert costs["params"] == net.params() and costs["macs"] == net.macs(spec.at.length)
        cache = net.kv_cache_bytes(spec.at.batch, spec.at.length, spec.at.value_bytes)
        assert costs["kv_cache_bytes"] == cache


@pytest.mark.parametrize("text", [CHAIN, PAIR], ids=["chain", "mixes"])
def test_memory_is_counted_before_anything_is_built(text):
    small = mathdesign.loads(text + "solve: {memory_limit: 1 KiB}")
    with pytest.raises(SpecError, match=r"solve\.memory_limit"):
        kind_of_spec(small).pose(small)


def test_wide_rules_are_refused_before_they_are_built():
    wide = CHAIN.replace("8..64/8", "1..4096").replace("    - {stride: 2", "    - {stride: 1")
    spec = mathdesign.loads(wide + "solve: {memory_limit: 64 MiB}")
    with pytest.raises(SpecError, match=r"rules over 16,8.* pairs of choices need about"):
        kind_of_spec(spec).pose(spec)


def test_twelve_stacks_of_seven_widths_are_counted_and_not_built():
    stack = "    - {width: 64..448/64, depth: 1..4, head_size: 32, ffn_ratio: [2, 4]}\n"
    text = (
        "space:\n  family: hierarchical_vit\n  image: {size: 224, patch: 4, channels: 3}\n"
        f"  classes: 10\n  stacks:\n{12 * stack}budgets: {{params: 20M}}\n"
    )
    for metric, found in (
        ("entropy", r"widths \(1.38e\+10\); coarsen them"),
        ("volume", r"widths and depths \(2.32e\+17\); coarsen them, or `objective"),
    ):
        spec = mathdesign.loads(text + f"objective: {{metric: {metric}}}\n")
        with pytest.raises(SpecError, match=f"more than 100,000 choices of {found}"):
            kind_of_spec(spec).pose(spec)


def test_check_ends_at_the_limit_of_time_and_says_so(tmp_path):
    path = tmp_path / "late.yaml"
    path.write_text(PAIR + "solve: {time_limit: 0.001 ms}")
    done = CliRunner().invoke(app, ["check", str(path)])
    assert done.exit_code == 4 and "posing stopped (time_limit)" in done.output


def test_what_a_limit_leaves_open_is_marked():
    """Slots with tables over pairs: their reach takes a solver, and that has no time here."""
    program = next(
        p for e in GALLERY if (p := e.make()).form == "slots"
        and any(sums.pairs for sums in p.metrics.values())
    )  # fmt: skip
    metric = next(name for name, sums in program.metrics.items() if sums.pairs)
    (known,) = reaches_of(Lifted(program.unlimited()), [metric])
    assert known.open == () and known.least is not None
    heard: list[str] = []
    clock = Clock(
        SolveOptions(
            should_stop=lambda: True, on_progress=lambda report: heard.append(report.phase)
        )
    )
    (late,) = reaches_of(Lifted(program.unlimited()), [metric], clock)
    assert f"reach of {metric}" in heard
    for side, sign in (("least", "<= "), ("greatest", ">= ")):
        if side in late.open:
            cell = late.row()[1 + (side == "greatest")]
            assert cell.startswith(sign) or cell == "not found in time"
            assert side in json.loads(json.dumps(late.document()))["open"]
