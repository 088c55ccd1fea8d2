"""A latency fitted on times: sums that made the times come back, as budgets that are kept."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import mathdesign
import mathdesign.checking
from mathdesign.cli.main import app
from mathdesign.programs.slot_space import TableError, TableSpace
from mathdesign.programs.slots import Slot, random_points
from mathdesign.spaces.lists.named import nasbench201
from mathdesign.surrogate.latency import fit_latency, option_columns, option_costs

SPACE = TableSpace("own", (Slot("a", ("x", "y", "z")), Slot("b", ("x", "y"))))
COSTS = {"a": [0, 3, 7], "b": [2, 0]}
run = CliRunner()


def times(points, constant=10.0):
    return (
        constant + np.array(COSTS["a"])[points[:, 0]] + np.array(COSTS["b"])[points[:, 1]]
    ).astype(float)


@pytest.fixture(scope="module")
def points():
    return random_points(SPACE.slots, 60, np.random.default_rng(0))


def test_a_sum_comes_back_exactly(points):
    found = fit_latency(option_columns(SPACE, points), times(points))
    assert found.r2 == pytest.approx(1) and found.error < 1e-9 and abs(found.excess) < 1e-9
    assert option_costs(found, SPACE, points, 1000.0) == (
        10_000, {slot: [1000 * c for c in costs] for slot, costs in COSTS.items()},
    )  # fmt: skip


def test_what_a_sum_cannot_know_does_not_bend_it(points):
    """A tenth of the networks is fast for no reason of theirs; the others are still told rightly."""
    slow = times(points)
    slow[::10] /= 50
    found = fit_latency(option_columns(SPACE, points), slow)
    assert found.power < 1 and found.error < 0.2


def test_an_option_that_nobody_measured_is_not_cheap(points):
    seen = points[points[:, 0] != 1]
    found = fit_latency(option_columns(SPACE, seen), times(seen))
    assert option_costs(found, SPACE, seen, 1.0)[1]["a"] == [0, 7, 7]


def test_excess_is_the_share_by_which_times_exceed(points):
    rng = np.random.default_rng(1)
    many = random_points(SPACE.slots, 2000, rng)
    noisy = times(many) * rng.uniform(0.9, 1.1, len(many))
    found = fit_latency(option_columns(SPACE, many), noisy)
    assert 0.07 < found.excess < 0.11 and 0.03 < found.error < 0.07
    assert found == fit_latency(option_columns(SPACE, many), noisy)


def test_bad_rows_are_all_named(points):
    with pytest.raises(TableError, match=r"(?s)5 rows.*time of 0.*negative term"):
        fit_latency(-np.ones((5, 1)), np.zeros(5))


def test_options_from_the_command_line_become_a_budget_that_is_kept(points, tmp_path):
    many = random_points(nasbench201().slots, 200, np.random.default_rng(2))
    space = nasbench201()
    frame = pd.DataFrame([space.words(p) for p in many])
    frame["ms"] = 5 + (many == 3).sum(axis=1) * 2.0 + (many == 2).sum(axis=1)
    frame.to_csv(tmp_path / "t.csv", index=False)
    words = ["latency", "--table", str(tmp_path / "t.csv"), "--target", "ms"]
    found = run.invoke(app, [*words, "--space", "nasbench201", "--out", str(tmp_path / "out")])
    assert found.exit_code == 0, found.output
    assert "R2 1.0000" in found.output
    text = (tmp_path / "out/latency.yaml").read_text()
    spec = "space: {family: nasbench201}\nobjective: {entropy: true}\nsolve: {gap: 0}\n"
    for limit in (9000, 12_000):
        design = mathdesign.design(
            mathdesign.loads(f"{spec}budgets: {{latency_us: {limit}}}\n{text}")
        )
        chosen = list(design.network.options.values())
        used = 5000 + 2000 * chosen.count("nor_conv_3x3") + 1000 * chosen.count("nor_conv_1x1")
        assert design.metrics["latency_us"] == used <= limit
        assert design.certificate.status == "optimal"
        assert type(design).from_json(design.to_json()) == design
        assert all(check.ok for check in mathdesign.checking.checks(design))


def test_terms_from_the_command_line_are_a_metric_of_transformers(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"macs": rng.integers(1, 9, 50) * 1e8, "layers": rng.integers(1, 9, 50)})
    frame["ms"] = 0.25 + 2e-8 * frame["macs"] + 0.5 * frame["layers"]
    frame.to_csv(tmp_path / "t.csv", index=False)
    words = ["latency", "--table", str(tmp_path / "t.csv"), "--target", "ms", "--name", "gpu"]
    out = ["--term", "macs", "--term", "layers", "--out", str(tmp_path / "out")]
    found = run.invoke(app, [*words, *out])
    assert found.exit_code == 0, found.output
    text = (tmp_path / "out/latency.yaml").read_text()
    spec = mathdesign.loads(
        "space: {family: decoder_lm, vocabulary: 256, context: 64, stacks: [{width: 64, depth: 2, "
        f"head_size: 32, heads: [2], kv_heads: [1], ffn_ratio: [2]}}]}}\nbudgets: {{gpu: 1M}}\n{text}"
    )
    terms = spec.linear_metrics[0].terms
    assert terms == pytest.approx({"constant": 250, "macs": 2e-5, "layers": 500}, rel=1e-6)


@pytest.mark.parametrize(("words", "message"), [
    ([], "--space NAME, or --term"),
    (["--space", "nasbench201", "--term", "macs"], "one of the two"),
    (["--term", "mac"], "did you mean macs"),
    (["--term", "constant"], "--term constant"),
    (["--term", "params"], "no column 'params'"),
    (["--term", "macs", "--scale", "0"], "--scale"),
    (["--term", "macs", "--name", "a b"], "--name a b"),
    (["--space", "nasbench201"], "no design in the table"),
    (["--space", "resnet"], "accepted: nasbench101"),
])  # fmt: skip
def test_bad_requests_end_in_two(tmp_path, words, message):
    pd.DataFrame({"macs": [1.0] * 30, "ms": [1.0, 2.0] * 15}).to_csv(
        tmp_path / "t.csv", index=False
    )
    found = run.invoke(
        app, ["latency", "--table", str(tmp_path / "t.csv"), "--target", "ms", *words]
    )
    assert found.exit_code == 2 and message in found.output


def test_faults_of_a_fitted_metric_are_all_named():
    metric = "{name: macs, slots: {e01: [1, 2], e99: [1], e02: [-1, 0, 0, 0, 0]}}"
    text = f"space: {{family: nasbench201}}\nobjective: {{metric: params}}\nlinear_metrics: [{metric}]\n"
    with pytest.raises(mathdesign.SpecError) as error:
        mathdesign.loads(text)
    words = str(error.value)
    assert "'macs' twice" in words and "5, one for each option" in words
    assert "'e99'" in words and "out of range" in words
