"""Weights are fitted where labels tell them, and refused where they do not."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mathdesign import api
from mathdesign.cli.main import app
from mathdesign.evidence.calibrate import CalibrationError, calibrate, weights
from mathdesign.kinds.load import load
from mathdesign.validators.errors import ObjectiveMismatch
from mathdesign.validators.lists.recheck import check_objective, logs_of


def sample(true, noise, seed, rows=100):
    rng = np.random.default_rng(seed)
    logs = np.log(rng.choice(np.arange(8, 65, 8), (rows, len(true))))
    return logs, logs @ np.array(true) + noise * rng.normal(size=rows)


def test_unequal_weights_are_found():
    logs, labels = sample((0.2, 1.0, 2.0, 0.8), 0.1, 0)
    found = calibrate(logs, labels)
    assert found.recommended and found.gain > found.gain_error > 0
    assert np.allclose(found.weights, (0.2, 1.0, 2.0, 0.8), atol=0.1)
    assert found.tau_fitted > found.tau_default
    assert found == calibrate(logs, labels)


def test_equal_weights_stay_where_labels_say_nothing_else():
    refused = 0
    for seed in range(20):
        found = calibrate(*sample((1.0,) * 4, 1.0, seed, rows=60))
        refused += not found.recommended
        assert found.recommended or found.weights == (1.0,) * 4
    assert refused >= 15


def test_pure_noise_gives_equal_weights():
    rng = np.random.default_rng(0)
    logs = np.log(rng.choice(np.arange(8, 65, 8), (80, 5)))
    assert sum(calibrate(logs, rng.normal(size=80), seed).recommended for seed in range(5)) <= 1


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([np.inf, 10.0, 1.0, 0.1]))
def test_weights_are_never_negative_and_have_mean_one(seed, shrinkage):
    logs, labels = sample((1.0, -1.0, 0.5), 1.0, seed, rows=30)
    found = weights(logs, labels, shrinkage)
    assert (found >= 0).all() and found.mean() == pytest.approx(1.0)
    assert np.isinf(shrinkage) <= (found == 1.0).all()


def test_labels_that_cannot_be_used_are_named():
    logs, labels = sample((1.0, 1.0), 0.1, 0, rows=40)
    with pytest.raises(CalibrationError, match="at least 20"):
        calibrate(logs[:10], labels[:10])
    with pytest.raises(CalibrationError, match="finite"):
        calibrate(logs, np.where(np.arange(40) == 3, np.nan, labels))
    with pytest.raises(CalibrationError, match="equal"):
        calibrate(logs, np.ones(40))


SPACE = """version: 1
name: widths
space:
  family: slots
  slots:
    - {name: a, options: [8, 16, 32], ordered: true, costs: {size: [8, 16, 32]}}
    - {name: b, options: [8, 16, 32], ordered: true, costs: {size: [16, 32, 64]}}
objective: {log_values: [1.0, 3.0]}
budgets: {size: 80}
"""


def test_a_design_maximises_the_weighted_logarithms(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(SPACE)
    found = api.design(load(path))
    assert found.network.options == {
        "a": "16",
        "b": "32",
    }  # 16 + 64: equal weights would tie with 32, 16
    assert found.certificate.objective == pytest.approx(np.log(16) + 3 * np.log(32))
    assert found.certificate.status == "optimal"
    with pytest.raises(ObjectiveMismatch):
        check_objective(logs_of(found.network.options, [1.0, 2.0]), found.certificate.objective)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("[1.0]", "2, one for each slot"),
        ("[1.0, 3.0], metric: size", "or predictor with log_values"),
        ("[1.0, -3.0]", "greater than or equal"),
    ],
)
def test_bad_weights_are_named(tmp_path, change, words):
    from mathdesign.spec.faults import SpecError

    path = tmp_path / "s.yaml"
    path.write_text(SPACE.replace("[1.0, 3.0]", change))
    with pytest.raises(SpecError, match=words):
        load(path)


def test_the_command_writes_a_block_that_designs(tmp_path, capsys, monkeypatch):
    from typer.testing import CliRunner

    space = tmp_path / "space.yaml"
    space.write_text(SPACE)
    rng = np.random.default_rng(0)
    rows = rng.choice([8, 16, 32], (120, 2))
    labels = np.log(rows) @ np.array([0.2, 1.8]) + 0.05 * rng.normal(size=120)
    table = tmp_path / "t.csv"
    lines = [f"{a},{b},{v}" for (a, b), v in zip(rows, labels)]
    unique = dict(zip([line.rsplit(",", 1)[0] for line in lines], lines))
    table.write_text("a,b,acc\n" + "\n".join(unique.values()) + "\n")
    words = ["calibrate", "--table", str(table), "--space", str(space), "--target", "acc",
             "--labels", "20", "--out", str(tmp_path / "o")]  # fmt: skip
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2 and "at least 20" in done.output  # only nine networks exist
    assert not (tmp_path / "o").exists()


def test_the_command_on_a_larger_space(tmp_path):
    from typer.testing import CliRunner

    options = list(range(8, 129, 8))
    slots = [f"    - {{name: {n}, options: {options}, ordered: true}}" for n in "ab"]
    space = tmp_path / "space.yaml"
    head, tail = SPACE.split("    - {name: a")[0], "objective: {log_values: [1, 1]}\n"
    space.write_text(head + "\n".join(slots) + "\n" + tail)
    rng = np.random.default_rng(0)
    pairs = [(a, b) for a in options for b in options]
    labels = [0.2 * np.log(a) + 1.8 * np.log(b) + 0.02 * rng.normal() for a, b in pairs]
    table = tmp_path / "t.csv"
    table.write_text("a,b,acc\n" + "".join(f"{a},{b},{v}\n" for (a, b), v in zip(pairs, labels)))
    words = ["calibrate", "--table", str(table), "--space", str(space), "--target", "acc",
             "--labels", "60", "--out", str(tmp_path / "o"), "--json"]  # fmt: skip
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert found["recommended"] and found["held_out"] == len(pairs) - 60
    assert found["held_out_tau"]["fitted"] > found["held_out_tau"]["default"]
    block = (tmp_path / "o/objective.yaml").read_text()
    space.write_text(head + "\n".join(slots) + "\n" + block)
    assert api.design(load(space)).network.options == {"a": "128", "b": "128"}
    # The weights belong to slots and not to places: in another order they are the same objective.
    weights = load(space).objective.log_values
    space.write_text(head + "\n".join(reversed(slots)) + "\n" + block)
    turned = load(space)
    assert weights == turned.objective.log_values == found["objective"]["log_values"]
    assert turned.objective.log_weights(turned.table_space()) == (weights["b"], weights["a"])


def test_a_predictor_and_the_entropy_of_widths_are_maximised_together(tmp_path, monkeypatch):
    """The optimum of the sum, for rising weights of the entropy, equals enumeration."""
    from typer.testing import CliRunner

    from mathdesign.surrogate.predictor import Predictor

    monkeypatch.chdir(tmp_path)
    options = list(range(8, 73, 8))
    head = SPACE.split("    - {name: a")[0]
    slots = [f"    - {{name: {n}, options: {options}, ordered: true, costs: {{size: {options}}}}}"
             for n in "ab"]  # fmt: skip
    body = head + "\n".join(slots) + "\n"
    rng = np.random.default_rng(0)
    pairs = [(a, b) for a in options for b in options]
    labels = [
        -((a - 24) ** 2) - (b - 40) ** 2 + 0.5 * a * (b > 40) + rng.normal() for a, b in pairs
    ]
    rows = "".join(f"{a},{b},{v}\n" for (a, b), v in zip(pairs, labels))
    (tmp_path / "t.csv").write_text("a,b,acc\n" + rows)
    (tmp_path / "s.yaml").write_text(body + "objective: {metric: size}\n")
    words = ["fit", "--table", "t.csv", "--space", "s.yaml", "--target", "acc", "--out", "m",
             "--model", "trees"]  # fmt: skip
    assert CliRunner().invoke(app, words).exit_code == 0
    predictor = Predictor.load(tmp_path / "m")
    for weight in (0.0, 0.3, 1.0, 10.0):
        text = (
            body
            + f"objective: {{predictor: m, pick: predicted, log_values: [{weight}, {weight}]}}\n"
        )
        (tmp_path / "d.yaml").write_text(text + "budgets: {size: 110}\n")
        spec = load(tmp_path / "d.yaml")
        space = spec.table_space()
        points = np.array([(i, j) for i in range(9) for j in range(9)])
        values = np.array(options)[points]
        score = predictor.objective(space).at(points) + weight * np.log(values).sum(axis=1)
        truth = score[values.sum(axis=1) <= 110].max()
        assert api.design(spec).certificate.objective == pytest.approx(truth, abs=1e-9)
