"""What is known before solving is said before solving; what is read from a store is checked."""

import json
import sqlite3
import subprocess
import sys
import time
import zlib

import pytest
from typer.testing import CliRunner

import mathdesign
from mathdesign.cli.main import app
from mathdesign.spec.faults import SpecError
from mathdesign.tables.build import build_table, design_table
from mathdesign.tables.store import Store
from mathdesign.tables.sweep import RESERVED, load_sweep, make_sweep
from mathdesign.tables.workers import InProcess

BASE = """\
space:
  family: slots
  slots:
    - {name: a, options: [1, 2, 4], ordered: true, costs: {macs: [1, 2, 4]}}
    - {name: b, options: [x, y], costs: {macs: [5, 6]}}
objective: {metric: macs}
budgets: {macs: 9}
"""


@pytest.fixture
def base():
    return mathdesign.loads(BASE).to_dict()


def build(base, out, **words):
    rows = [{"name": f"r{n}", "budgets.macs": n} for n in (7, 8, 9)]
    return build_table(make_sweep(base, rows=rows), out, workers=InProcess, html=False, **words)


@pytest.mark.parametrize("name", RESERVED)
def test_rows_named_as_the_table_s_own_files_have_folders_of_their_own(base, tmp_path, name):
    sweep = make_sweep(base, rows=[{"name": name, "budgets.macs": 8}])
    assert sweep.rows[0].folder not in RESERVED
    found = build_table(sweep, tmp_path, workers=InProcess, html=False)
    assert found.complete and (tmp_path / sweep.rows[0].folder / "design.yaml").is_file()


def test_half_a_pair_of_surrogates_is_refused_as_a_name_and_as_a_value(base):
    for row in ({"name": "\ud800", "budgets.macs": 8}, {"name": "x", "name2": "\ud800"}):
        with pytest.raises(SpecError, match="surrogates"):
            make_sweep(base, rows=[row])


@pytest.mark.parametrize("pareto", [["macs", "nonsense"], ["macs", "status"], ["macs", "folder"]])
def test_columns_of_the_front_are_checked_before_anything_is_written(base, tmp_path, pareto):
    with pytest.raises(SpecError, match=f"{pareto[1]}: no column of numbers"):
        build_table(make_sweep(base, {"budgets.macs": [8]}, None, pareto), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_column_that_is_none_hides_no_fault_of_a_row(base, tmp_path):
    rows = [{"name": "bad", "budgets.macs": "many"}, {"name": "odd", "solve.gap": 7}]
    with pytest.raises(SpecError) as error:
        build_table(make_sweep(base, rows=rows, pareto=["macs", "status"]), tmp_path / "out")
    for words in ("'many'", "solve.gap", "status: no column of numbers"):
        assert words in str(error.value)


def test_bad_rows_write_no_store_and_are_named_at_their_line(base, tmp_path):
    (tmp_path / "base.yaml").write_text(BASE)
    sweep = "base: base.yaml\nrows:\n  - {name: good, budgets.macs: 8}\n  - name: bad\n    budgets.macs: many\n  - {name: odd, budgets.mem: 3}\n"
    (tmp_path / "sweep.yaml").write_text(sweep)
    done = CliRunner().invoke(
        app, ["table", str(tmp_path / "sweep.yaml"), "-o", str(tmp_path / "o")]
    )
    assert done.exit_code == 2
    assert "sweep.yaml:5:5: bad: budgets.macs" in done.output
    assert "sweep.yaml:6:" in done.output and "odd: budgets.mem" in done.output
    assert "base.yaml" not in done.output and not (tmp_path / "o").exists()


def test_a_fault_that_a_row_brings_about_elsewhere_is_the_row_s(base, tmp_path):
    (tmp_path / "base.yaml").write_text(BASE)
    sweep = "base: base.yaml\ngrid: {budgets.macs: [8]}\nrows:\n  - {name: log, objective.log_values: [1, 1]}\n"
    (tmp_path / "sweep.yaml").write_text(sweep)
    found = load_sweep(tmp_path / "sweep.yaml")
    with pytest.raises(SpecError) as error:
        found.validate(found.rows)
    assert {(fault.file, fault.line) for fault in error.value.faults} == {
        (str(tmp_path / "sweep.yaml"), 4)
    }


@pytest.mark.parametrize("plots", ["both", "png,svg", "svg,both"])
def test_both_pictures_can_be_asked_for(tmp_path, plots):
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "sweep.yaml").write_text("base: base.yaml\ngrid: {budgets.macs: [8, 9]}\n")
    words = ["table", str(tmp_path / "sweep.yaml"), "-o", str(tmp_path / "o"), "--plots", plots]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert (tmp_path / "o/pareto.png").is_file() and (tmp_path / "o/pareto.svg").is_file()


def test_an_out_that_is_a_file_and_data_that_are_not_there_are_said_at_once(tmp_path):
    (tmp_path / "taken").write_text("")
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "sweep.yaml").write_text("base: base.yaml\ngrid: {budgets.macs: [8, 9]}\n")
    slow = "space: {family: bottleneck}\nbudgets: {macs: 1G}\nvalidate: {data: no/such/folder}\n"
    (tmp_path / "slow.yaml").write_text(slow)
    taken = str(tmp_path / "taken")
    start = time.process_time()
    for words, status in (
        (["table", str(tmp_path / "sweep.yaml"), "-o", taken], 1),
        (["design", str(tmp_path / "slow.yaml"), "--no-train", "-o", taken], 1),
        (["design", str(tmp_path / "slow.yaml")], 2),
    ):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == status, done.output
        assert ("taken" if status == 1 else "no/such/folder") in done.output
    assert time.process_time() - start < 10


PLAIN = """
from mathdesign.tables.build import design_table
print("begins")
frame = design_table(r"{base}", {{"budgets.macs": [8, 9]}}, jobs={jobs})
print(len(frame), "rows")
"""


@pytest.mark.parametrize(("jobs", "guarded"), [(1, False), (2, False), (2, True)])
def test_a_plain_script_needs_no_guard_with_one_job_and_is_told_with_more(tmp_path, jobs, guarded):
    (tmp_path / "base.yaml").write_text(BASE)
    text = PLAIN.format(base=tmp_path / "base.yaml", jobs=jobs)
    if guarded:
        text = 'if __name__ == "__main__":\n' + text.replace("\n", "\n    ")
    (tmp_path / "plain.py").write_text(text)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "plain.py")], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.count("begins") == 1
    if jobs == 1 or guarded:
        assert "2 rows" in done.stdout, done.stderr
    else:
        last = done.stderr.strip().splitlines()[-1]
        assert "NoGuard" in last and 'if __name__ == "__main__":' in last and "plain.py:4" in last


def change(path, statement, *values):
    connection = sqlite3.connect(path)
    connection.execute(statement, values)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("objective = 2 * objective", "objective 14.0"),
        ("objective = 1e999", "objective inf"),
        ("objective = NULL", "objective None"),
        ("objective = 'much'", "objective 'much'"),
        ("bound = 1e6", "bound"),
        ("macs = 1", "macs 1"),
        ("status = 'perfect'", "status 'perfect'"),
        ("status = 'infeasible'", "a design that is infeasible"),
        ("design = NULL", "its design"),
        ("design = x'00'", "its design"),
        ("nesting = '{}'", "limits"),
        ("nesting = '[1, 2, 3]'", "limits"),
    ],
)
def test_a_stored_row_that_is_not_what_its_design_says_is_sought_again(
    base, tmp_path, what, reason
):
    first = build(base, tmp_path)
    before = (tmp_path / "table.csv").read_bytes()
    request = first.entries[0].request
    change(tmp_path / "store.sqlite", f"UPDATE results SET {what} WHERE request = ?", request)
    again = build(base, tmp_path)
    assert list(again.dropped) == [request] and reason in again.dropped[request]
    assert again.complete and (tmp_path / "table.csv").read_bytes() == before
    assert not build(base, tmp_path).dropped


def test_a_bomb_in_a_store_is_not_unpacked(base, tmp_path):
    request = build(base, tmp_path).entries[0].request
    bomb = zlib.compress(b"[" + b" " * (1 << 28))
    change(
        tmp_path / "store.sqlite", "UPDATE results SET design = ? WHERE request = ?", bomb, request
    )
    again = build(base, tmp_path)
    assert "too large" in again.dropped[request]


def test_claims_that_no_clock_of_ours_made_block_nobody(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        for owner, lapses in (("far/1/x", time.time() + 1e6), ("x", "soon"), ("a/b", 1e300)):
            change(
                tmp_path / "s.sqlite",
                "INSERT OR REPLACE INTO claims VALUES ('r', ?, ?)",
                owner,
                lapses,
            )
            assert store.claim(["r"], 1) == ["r"]


def test_rows_of_older_stores_are_compared_with_their_designs(base, tmp_path):
    build(base, tmp_path)
    change(tmp_path / "store.sqlite", "DELETE FROM written WHERE name LIKE 'row %'")
    assert not build(base, tmp_path).dropped


def test_a_frame_of_one_job_needs_no_process(base):
    frame = design_table(base, {"budgets.macs": [8, 9]})
    assert list(frame["objective"]) == [8.0, 9.0]
    assert json.loads(frame.to_json())
