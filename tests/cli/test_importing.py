"""``latency import``: files, notes, exit codes."""

import json

from typer.testing import CliRunner

from mathdesign.cli.main import app
from mathdesign.devices.table import read_table

TEXT = "device,block,mid_channels,latency_ms\ncpu,base,,9.5\ncpu,b,1,-0.25\ncpu,b,2,0.5\n"


def run(*arguments):
    return CliRunner().invoke(app, ["latency", "import", *arguments])


def test_a_table_is_written_whole_and_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text(TEXT)
    done = run("tfnas", "t.csv", "--out", "new/ours.csv", "--json")
    assert done.exit_code == 0, done.output
    table = read_table(tmp_path / "new" / "ours.csv")
    assert {k: r.cost for k, r in table.rows.items()} == {
        "base": 9_500_000,
        "b:1": 0,
        "b:2": 500_000,
    }
    document = json.loads(done.stdout)
    assert document["table"] == "new/ours.csv" and "1 costs below 0" in document["notes"][1]


def test_bad_input_is_status_2_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text(TEXT)
    for arguments, words in (
        (("tfnass", "t.csv"), "did you mean tfnas"), (("tfnas", "gone.csv"), "No such file"),
        (("tfnas", "t.csv", "--where", "device"), "COLUMN=VALUE"),
        (("tfnas", "t.csv", "--unit", "us"), "are in ms"), (("nni", "t.csv"), "no unit"),
    ):  # fmt: skip
        done = run(*arguments, "--out", "ours.csv")
        assert done.exit_code == 2 and words in done.output, done.output
    assert not (tmp_path / "ours.csv").exists()
