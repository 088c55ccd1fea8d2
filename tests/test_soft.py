"""MnasNet's soft rule: the optimum of enumeration, a valid bound, and how it differs from a budget."""

import json
from fractions import Fraction

import numpy as np
import pytest
from typer.testing import CliRunner

import mathdesign
from mathdesign.cli.main import app
from mathdesign.programs.slots import Slot, SlotObjective, SlotProblem, TableSum
from mathdesign.soft import NoSoftRule, SoftRule, soft_optimum
from tests.points import every_point


def program(seed: int, slots: int = 4, options: int = 3, shift: float = 1.0) -> SlotProblem:
    rng = np.random.default_rng(seed)
    names = tuple(Slot(f"s{i}", tuple(map(str, range(options)))) for i in range(slots))
    values = TableSum(shift, tuple(rng.uniform(0, 9, options) for _ in names))
    costs = TableSum(5, tuple(rng.integers(1, 60, options) for _ in names))
    return SlotProblem("soft", names, SlotObjective(values), {"latency": costs})


@pytest.mark.parametrize("exponents", [(-0.07, -0.07), (0.0, -1.0), (-0.5, -0.5), (-2.0, -3.0)])
@pytest.mark.parametrize("seed", range(6))
def test_the_optimum_is_that_of_enumeration(seed, exponents):
    problem = program(seed)
    points = every_point(problem)
    costs = [problem.costs(p)["latency"] for p in points]
    target = Fraction(int(np.quantile(costs, 0.4)))
    rule = SoftRule(target, *exponents)
    best = max(rule.worth(problem.value(p), c) for p, c in zip(points, costs))
    found = soft_optimum(problem, "latency", rule, gap=1e-9)
    assert found.value == pytest.approx(best, rel=1e-9) and found.proven
    assert best <= found.bound * (1 + 1e-12)
    assert rule.worth(found.best.objective, found.best.cost) == found.value
    hard = max(problem.value(p) for p, c in zip(points, costs) if c <= target)
    assert found.hard.objective == pytest.approx(hard)
    for seen in found.front:  # nothing dominates what is called the front
        assert not any(
            problem.value(p) > seen.objective + 1e-9 and c <= seen.cost
            for p, c in zip(points, costs)
        )


def test_the_soft_rule_gives_up_the_budget_where_it_pays():
    values = TableSum(0.0, (np.array([70.0, 75.0, 90.0]),))
    costs = TableSum(0, (np.array([50, 78, 79]),))
    problem = SlotProblem(
        "two", (Slot("a", ("x", "y", "z")),), SlotObjective(values), {"ms": costs}
    )
    soft = soft_optimum(problem, "ms", SoftRule(Fraction(78)), gap=1e-9)
    assert (soft.best.cost, soft.hard.cost) == (79, 78)  # a step beyond for much more
    hard = soft_optimum(problem, "ms", SoftRule(Fraction(78), 0.0, -20.0), gap=1e-9)
    assert hard.best.cost == 78


def test_few_solves_prove_it_within_a_gap():
    problem = program(1, slots=14, options=6)
    found = soft_optimum(problem, "latency", SoftRule(Fraction(200)), gap=1e-2)
    assert found.proven and found.solves < 40 and found.bound <= found.value * 1.0101


def test_what_has_no_soft_optimum_is_refused():
    with pytest.raises(NoSoftRule, match="above 0"):
        soft_optimum(program(0, shift=-99.0), "latency", SoftRule(Fraction(50)))
    with pytest.raises(NoSoftRule, match="from -100 to 0"):
        SoftRule(Fraction(5), 0.1, 0.0)
    with pytest.raises(NoSoftRule, match="target"):
        SoftRule(Fraction(0))
    infeasible = program(0).with_budgets([])
    barred = infeasible.apart_from(*every_point(infeasible))
    assert soft_optimum(barred, "latency", SoftRule(Fraction(5))) is None


MODEL = "version: 1\ncost_model: latency\noperators: {default: {overhead: 5 us, rate: 2 G, bandwidth: 8 GB}}\n"
SPEC = """space:
  family: decoder_lm
  vocabulary: 50
  context: 16
  stacks: [{width: [16, 32], heads: [2, 4], ffn_ratio: [2, 3], depth: 1..3}]
budgets: {latency: {model: m.yaml}}
solve: {gap: 0}
"""


def test_the_command_tells_both_and_what_is_wrong(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(MODEL)
    (tmp_path / "s.yaml").write_text(SPEC)

    def run(*more):
        return CliRunner().invoke(app, ["latency", "soft", "s.yaml", *more])

    done = run("--target", "0.2 ms", "--json", "--out", "out")
    assert done.exit_code == 0, done.output
    document = json.loads((tmp_path / "out/soft.json").read_text())
    assert document["proven"] and document["hard"]["cost"] <= 200_000
    assert "soft rule" in run("--target", "0.2 ms").output
    for more, words in (
        (("--target", "3 mJ"), "a time such as 25 ms"), (("--target", "x"), "--target"),
        (("--target", "1 ms", "--metric", "latenci"), "did you mean latency"),
        (("--target", "1 ms", "--below", "0.5"), "from -100 to 0"),
    ):  # fmt: skip
        refused = run(*more)
        assert refused.exit_code == 2 and words in refused.output, refused.output


@pytest.mark.parametrize(
    ("space", "objective"),
    [
        ("{family: basic, input: {channels: 1, size: [8, 12]}, classes: 3, stem: {width: 8}, "
         "stages: [{width: [8, 16], depth: 1..2}]}", "{volume: {}}"),
        ("{family: decoder_lm, vocabulary: 50, context: [8, 16], stacks: [{width: [16, 32], "
         "heads: 2, ffn_ratio: 2, depth: 1..2}]}", "{metric: volume}"),
    ],
)  # fmt: skip
def test_the_rule_over_a_union_is_that_of_enumeration(tmp_path, monkeypatch, space, objective):
    """A device of a space whose resolution or context is a choice is one of its members'."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(MODEL)
    text = f"space: {space}\nobjective: {objective}\nbudgets: {{latency: {{model: m.yaml}}}}\n"
    (tmp_path / "s.yaml").write_text(text + "solve: {gap: 1e-6}\n")
    words = ["latency", "soft", "s.yaml", "--target", "0.08 ms", "--below", "0", "--above", "-3"]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    problem = mathdesign.problem(mathdesign.load("s.yaml"))
    step = Fraction(1, 10**9) if "decoder" in space else Fraction(1, 10**15)
    rule = SoftRule(Fraction(8, 10**5) / step, 0, -3)
    best = max(
        rule.worth(problem.value(p), problem.costs(p)["latency"]) for p in every_point(problem)
        if problem.feasible(p)
    )  # fmt: skip
    assert json.loads(done.stdout)["value"] == pytest.approx(best, rel=1e-5)
