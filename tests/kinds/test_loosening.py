"""A law of every budget of every kind of space: where one is loosened the optimum never falls."""

import math
from decimal import Decimal
from fractions import Fraction

import pytest

import mathdesign
from mathdesign.kinds import kind_of_spec
from mathdesign.solvers import Status
from mathdesign.solvers.portfolio import choose
from mathdesign.spec.quantities import is_told
from tests.points import every_point

MODEL = """version: 1
cost_model: latency
base: 3 us
operators:
  default: {overhead: 5 us, rate: 2 G, bandwidth: 8 GB}
"""
DEVICES = {
    "latency": {"model": "board.yaml"}, "board": {"model": "board.yaml", "margin": "3%"},
    "energy": {"per_mac": "4.6 pJ", "per_byte": "20 pJ"},
}  # fmt: skip
BASIC = {"family": "basic", "classes": 3, "stem": {"width": [8, 16], "stride": 1}}
STAGES = [{"width": [8, 16], "depth": [1, 2]}, {"stride": 2, "width": [16, 24], "kernel_size": [3, 5]}]  # fmt: skip
MIX = {"family": "decoder_lm", "vocabulary": 50, "stacks": [
    {"width": [16, 32], "heads": [2, 4], "ffn_ratio": 2, "depth": "1..2"}]}  # fmt: skip
SLOTS = [{"name": f"s{i}", "options": ["a", "b", "c"], "costs": {
    "gain": [1 + i, 7 - i, 4], "weight": [3, 5 + i, 2], "time": ["0.5 ms", "2 ms", "1.25 ms"]}}
    for i in range(3)]  # fmt: skip
BLOCKS = [
    {"name": "one", "width": 8, "stride": 2, "options": [
        {"block": "conv"}, {"block": "inverted_residual", "expansion": 3}]},
    {"name": "two", "width": 8, "options": [
        {"block": "conv", "residual": True, "kernel": 5}, "skip",
        {"block": "inverted_residual", "expansion": 6}]},
]  # fmt: skip
SPACES = {
    "chain": {"space": {**BASIC, "input": {"channels": 1, "size": 8}, "stages": STAGES}, "memory": {}},
    "resolutions": {
        "space": {**BASIC, "input": {"channels": 1, "size": [8, 12]}, "stages": STAGES[1:]}, "memory": {},
        "objective": {"volume": {"resolution": 1}}},
    "downsampled": {
        "space": {**BASIC, "input": {"channels": 1, "size": 12}, "downsample": {"blocks": 3, "at": 1},
                  "stages": [{"width": [8, 16]}]}, "memory": {}},
    "slots": {"space": {"family": "slots", "slots": SLOTS}, "objective": {"metric": "gain"}},
    "blocks": {
        "space": {"family": "layers", "input": {"channels": 3, "size": 8}, "classes": 3, "slots": BLOCKS,
                  "stem": [{"block": "conv", "width": 8}], "tail": [{"block": "classifier"}]},
        "objective": {"volume": {}}, "memory": {}},
    "decoder": {"space": {**MIX, "context": 16}, "objective": {"metric": "volume"}},
    "contexts": {
        "space": {**MIX, "context": [8, 16]}, "objective": {"metric": "volume", "context": 1}},
}  # fmt: skip
#: Limits that no cost of a point of the bare program tells: bytes at once of decoders, depth by width.
ELSEWHERE = {
    "chain": {"effectiveness": [0.05, 0.1, 0.2, 1]},
    "resolutions": {"effectiveness": [0.05, 0.1, 0.2, 1]},
    "decoder": {"activation_bytes": [2000, 4000, 6000, 10**6], "weight_bytes": [14000, 40000, 10**6]},
    "contexts": {"activation_bytes": [1000, 4000, 6000, 10**6], "weight_bytes": [14000, 40000, 10**6]},
}  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "board.yaml").write_text(MODEL)


def words_of(kind: str, **budgets) -> dict:
    devices = {} if kind == "slots" else {"devices": DEVICES}
    return {**SPACES[kind], **devices, "budgets": budgets, "solve": {"gap": 0}}


def best(kind: str, **budgets) -> float:
    """The optimum; minus infinity where nothing fits."""
    program = mathdesign.problem(mathdesign.load(words_of(kind, **budgets)))
    found = choose(program).backend.solve(program, mathdesign.SolveOptions(gap=0.0))
    assert found.status in (Status.OPTIMAL, Status.INFEASIBLE)
    return -math.inf if found.objective is None else found.objective


def written(value: int, unit: str) -> str | int:
    """A limit as a user writes it: in the unit of the metric's steps, or a number."""
    if not unit:
        return value
    share, _, base = unit.rpartition(" ")
    return f"{Decimal(share or 1) * value:f} {base}"


@pytest.mark.parametrize("kind", SPACES)
def test_loosening_any_budget_never_lowers_the_optimum(kind):
    """Each metric, device and peak from either side, against enumeration where points tell it."""
    spec = mathdesign.load(words_of(kind))
    known = kind_of_spec(spec)
    posed = known.pose(spec)
    program = posed.program
    told = [p for p in every_point(program) if program.feasible(p)]
    worth = [program.value(p) for p in told]
    # The margin of a device is taken off its limit.
    taken = {"board": Fraction("1.03")}
    tried = set()
    for metric in (*program.metric_names, *program.peak_names):
        ask = program.peaks if metric in program.peak_names else program.costs
        costs = [ask(p)[metric] for p in told]
        unit = program.unit(metric) if is_told(program.unit(metric)) else ""
        values = sorted(set(costs))
        for side in ("max",) if metric in program.peak_names else ("max", "min"):
            ladder = [values[0], values[len(values) // 2], values[-1]]
            if side == "min":
                ladder.reverse()
            found = []
            for limit in ladder:
                share = taken.get(metric, 1) if side == "max" else 1
                asked = math.ceil(limit * share)
                found.append(best(kind, **{metric: {side: written(asked, unit)}}))
                kept = [w for w, c in zip(worth, costs)
                        if (c * share <= asked if side == "max" else c >= asked)]  # fmt: skip
                assert found[-1] == pytest.approx(max(kept, default=-math.inf), rel=1e-6), metric
            assert found == sorted(found) and found[-1] == pytest.approx(max(worth)), (metric, side)
            tried.add(metric)
    for metric, ladder in ELSEWHERE.get(kind, {}).items():
        found = [best(kind, **{metric: limit}) for limit in ladder]
        assert found == sorted(found) and found[0] < found[-1], metric
        tried.add(metric)
    asked = set(known.reported(posed)) | {"activation_bytes", "weight_bytes"}
    assert tried >= (asked if kind != "slots" else {"gain", "weight", "time"})
