"""``latency measure``, ``fit``, ``check``: one tiny space from end to end, and what is refused."""

import csv
import json

import pytest
from typer.testing import CliRunner

import mathdesign
from mathdesign.cli.main import app
from mathdesign.cli.session import EXIT_BAD_INPUT, EXIT_CHECK_FAILED, EXIT_ROWS
from mathdesign.devices.model import read_model
from mathdesign.devices.table import read_table

run = CliRunner()
SPACE = """\
name: tiny
space:
  family: basic
  input: {channels: 1, size: 8}
  classes: 4
  stem: {width: 8, kernel_size: 3, stride: 1}
  stages: [{stride: 2, width: 8..24/8, depth: 1..2}]
budgets: {params: 50k, latency: {max: 3 ms, table: not_there.csv}}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "space.yaml").write_text(SPACE)
    return tmp_path


def latency(*words):
    found = run.invoke(app, ["latency", *map(str, words)])
    return found.exit_code, found.output


MEASURE = ("measure", "--space", "space.yaml", "--out", "t.csv", "--clock", "cpu", "--designs", 2)


def test_measured_checked_corrected_and_designed_with(here):
    code, words = latency(*MEASURE, "--passes", 1, "--budget", "60 s", "--model", "m.yaml")
    assert code == 0 and "passes complete" in words, words
    table = read_table("t.csv")
    assert table.header.threads == 1 and "cpu clock" in table.header.versions
    assert any(key.startswith("conv-8x8x8-16-k3x3-s2x2") for key in table.rows)
    again, words = latency(*MEASURE, "--passes", 1, "--json")
    assert again == 0 and json.loads(words)["measured"] == len(table.rows)
    check = ("check", "--space", "space.yaml", "--clock", "cpu", "--designs", 3, "--out", "c")
    code, words = latency(*check, "--costs", "m.yaml", "--table", "t.csv", "--at-most", "0.0001%")
    assert code == EXIT_CHECK_FAILED and "accepted: at most" in words and "now" in words, words
    rows = list(csv.DictReader((here / "c/check.csv").read_text().splitlines()))
    assert len(rows) == 3 and all(float(row["measured_ms"]) > 0 for row in rows)
    assert (here / "c/check.png").read_bytes().startswith(b"\x89PNG")
    networks = ("--networks", "c/check.csv")
    assert latency("fit", "--table", "t.csv", *networks, "--out", "m2.yaml")[0] == 0
    assert latency("fit", "--table", "t.csv", *networks, "--out", "t2.csv")[0] == 0
    factor = read_model("m2.yaml").factor
    key = next(iter(table.rows))
    ratio = read_table("t2.csv").rows[key].cost / table.rows[key].cost
    assert ratio == pytest.approx(float(factor), rel=2e-2) and factor > 1
    text = SPACE.replace("table: not_there.csv", "model: m2.yaml")
    design = mathdesign.design(mathdesign.loads(text))
    assert design.metrics["latency"] > 0 and design.certificate.status != "unknown"


def test_stopped_before_anything_is_measured(here, monkeypatch):
    from mathdesign.cli.session import Session

    monkeypatch.setattr(Session, "should_stop", lambda self: True)
    assert latency(*MEASURE)[0] == EXIT_ROWS
    assert not (here / "t.csv").exists()


def test_another_way_to_measure_is_refused_at_the_same_place(here):
    (here / "t.csv").write_text("mine")
    code, words = latency(*MEASURE)
    assert code == EXIT_BAD_INPUT and "without the log" in words
    assert (here / "t.csv").read_text() == "mine"


SLOTS = """\
space: {family: slots, slots: [{name: a, options: [x, y], costs: {ms: [1, 2]}}]}
objective: {metric: ms}
"""
TABLE = "# mathdesign latency table 1\n# unit: us\noperator,latency\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("measure", "--space", "gone.yaml", "--out", "t.csv"), "gone.yaml"),
        ((*MEASURE, "--runtime", "tflite", "--threads", 2), "runtime tflite"),
        (("measure", "--space", "bad.yaml", "--out", "t.csv"), "space.family"),
        (("measure", "--space", "nb.yaml", "--out", "t.csv"), "have no operators"),
        (("fit", "--table", "empty.csv", "--out", "m.yaml"), "an empty file"),
        (("fit", "--table", "slots.csv", "--out", "m.yaml"), "no operators among its 1 keys"),
        (("fit", "--table", "ok.csv", "--out", "ok.csv"), "the table itself"),
        (("fit", "--table", "ok.csv", "--out", "m.yaml", "--form", "cubic"), "--form cubic"),
        (("fit", "--table", "ok.csv", "--out", "other.csv"), "corrected by --networks"),
        (("fit", "--table", "ok.csv", "--term", "macs"), "--term without --target"),
        (("fit", "--table", "ok.csv", "--out", "m.yaml", "--networks", "ok.csv"), "check.csv"),
        (("fit", "--table", "ok.csv", "--out", "m.yaml", "--networks", "nan.csv"), "nan.csv:3"),
        (("check", "--space", "space.yaml", "--costs", "ok.csv", "--out", "c", "--designs", 1),
         "have no cost"),
        (("check", "--space", "space.yaml", "--costs", "nan.csv", "--out", "c"), "first line"),
        (("check", "--space", "space.yaml", "--costs", "ok.csv", "--out", "c", "--design", "bad.yaml"),
         "bad.yaml"),
        (("fit", "--table", "gone.csv", "--out", "m.yaml"), "gone.csv: No such file"),
        (("fit", "--table", "ok.csv", "--out", "m.yaml", "--networks", "gone.csv"), "gone.csv: No such"),
        (("check", "--space", "space.yaml", "--costs", "gone.yaml", "--out", "c"), "gone.yaml: No such"),
        (("check", "--space", "space.yaml", "--costs", "gone.csv", "--out", "c"), "gone.csv: No such"),
    ],
)  # fmt: skip
def test_bad_input_is_named_and_nothing_is_written(here, words, told):
    files = {
        "bad.yaml": "space: {family: bottelneck}\n", "nb.yaml": SLOTS,
        "empty.csv": "", "slots.csv": TABLE + "layer1:k3,5\n", "ok.csv": TABLE + "add-8x4x4,5\n",
        "nan.csv": "predicted_ms,measured_ms\n1,2\nnan,3\n",
    }  # fmt: skip
    for name, text in files.items():
        (here / name).write_text(text)
    before = sorted(here.iterdir())
    code, output = latency(*words)
    assert code == EXIT_BAD_INPUT and told in output, output
    assert sorted(here.iterdir()) == before and (here / "ok.csv").read_text() == files["ok.csv"]


def test_latency_with_options_alone_is_fit(here):
    code, words = latency("--table", "gone.csv", "--target", "ms", "--term", "macs")
    assert code == EXIT_BAD_INPUT and "gone.csv" in words
    assert "measure" in latency("--help")[1] and latency("-h")[0] == 0
