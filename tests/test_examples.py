"""Every example, as a user runs it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mathdesign.kinds.load import load
from mathdesign.result import Design
from mathdesign.validators.training.data import refuse
from tests.places import ROOT

EXAMPLES = sorted(ROOT.glob("examples/*/design.yaml"))


def run(*arguments: str, cwd: Path) -> str:
    command = [sys.executable, "-c", "from mathdesign.cli.main import main; main()", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.parent.name)
def test_example(path: Path, tmp_path: Path):
    shutil.copytree(path.parent, tmp_path / "example")  # with files that it names
    run("design", "example/design.yaml", "--no-train", "--quiet", "--out", "out", cwd=tmp_path)
    design = Design.load(tmp_path / "out/design.yaml")
    spec = load(path)
    assert design.certificate.proven, design.certificate
    assert design.certificate.gap is not None and design.certificate.gap <= max(
        spec.solve.gap, 1e-6
    )
    assert all(use.slack >= -1e-9 for use in design.budgets)
    checks = json.loads(run("validate", "out/design.yaml", "--no-train", "--json", cwd=tmp_path))[
        "checks"
    ]
    reads_text = design.kind.name == "transformers"
    expected = {"convnet": 7, "lists": 8, "transformers": 5}[design.kind.name]
    assert len(checks) == expected and all(check["ok"] for check in checks)
    done = subprocess.run(
        [sys.executable, tmp_path / "out/model.py"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0
    assert f"{spec.space.vocabulary if reads_text else spec.space.classes})" in done.stdout
    if path == EXAMPLES[1]:
        a_large_example_trains_a_little(tmp_path)


def test_the_tiny_network_learns_the_digits(tmp_path: Path):
    run("design", str(EXAMPLES[2]), "--quiet", "--out", "out", cwd=tmp_path)
    training = json.loads((tmp_path / "out/training.json").read_text())
    assert training["test_accuracy"] >= 0.97
    assert (tmp_path / "out/curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.parent.name)
def test_an_example_can_be_trained_as_it_asks(path: Path):
    """Its network tells as many classes apart as its data have."""
    spec = load(path)
    words = getattr(spec, "training", None)
    if words is None or not hasattr(spec.space, "classes"):
        pytest.skip("no training on images")
    refuse(words.data, spec.space.classes)


def a_large_example_trains_a_little(folder: Path) -> None:
    arguments = ("validate", "out/design.yaml", "--data", "digits", "--epochs", "1", "--json")
    training = json.loads(run(*arguments, cwd=folder))["training"]
    assert 0 <= training["test_accuracy"] <= 1 and len(training["curve"]) == 1


def test_the_table_of_budgets(tmp_path: Path):
    sweep = str(ROOT / "examples/10_budget_table/sweep.yaml")
    command = [sys.executable, "-c", "from mathdesign.cli.main import main\nmain()"]
    done = subprocess.run(
        [*command, "table", sweep, "--out", "out", "--json"], cwd=tmp_path, capture_output=True,
        text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 6, done.stderr  # two rows are infeasible on purpose
    assert json.loads(done.stdout)["statuses"] == {"infeasible": 2, "optimal": 12}


def test_the_predictor_of_one_s_own_slots(tmp_path: Path):
    script = str(ROOT / "examples/20_predictor/run.py")
    done = subprocess.run(
        [sys.executable, script, str(tmp_path)], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert "status: optimal" in done.stdout
