"""Whole tables: resumed, shared, killed, and the same bytes every time."""

import base64
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

import mathdesign
from mathdesign.tables.build import build_table
from mathdesign.tables.sweep import make_sweep
from mathdesign.tables.work import answer
from mathdesign.tables.workers import LocalWorkers
from mathdesign.tables.writing import csv_text, markdown_text
from tests.tables.small import INNER, SPEC

BASE = SPEC.format(name="base", family="basic", inner=INNER["basic"], macs="2M", params="100k")
GRID = {"budgets.macs": ["500k", "1M", "2M", "4M"], "budgets.params": ["30k", "60k", "100k"]}


@pytest.fixture(scope="module")
def base():
    return mathdesign.loads(BASE).to_dict()


@pytest.fixture(scope="module")
def whole(base, tmp_path_factory):
    """The CSV of a run that nothing disturbed."""
    out = tmp_path_factory.mktemp("whole")
    found = build_table(make_sweep(base, GRID), out, plots=("png",))
    assert found.complete and not found.violations
    return out


def csv_of(folder):
    return (folder / "table.csv").read_bytes()


def test_a_table_holds_every_row_with_types_and_units(whole):
    table = pd.read_parquet(whole / "table.parquet")
    assert len(table) == 12
    assert str(table["macs"].dtype) == "Int64" and str(table["budgets.macs"].dtype) == "Int64"
    designed = table[table["status"] == "optimal"]
    assert len(designed) >= 8
    assert (designed["macs"] <= designed["budgets.macs"]).all()
    for folder in designed["folder"]:
        assert (whole / folder / "design.yaml").is_file() and (
            whole / folder / "model.py"
        ).is_file()
    infeasible = table[table["status"] == "infeasible"]
    assert infeasible["reason"].str.contains("this works").all()
    assert (whole / "report.html").stat().st_size > 10_000 and (whole / "pareto.png").is_file()


def test_rows_agree_with_single_designs(base, whole):
    table = pd.read_csv(whole / "table.csv").set_index("name")
    sweep = make_sweep(base, GRID)
    for row in sweep.rows[3::4]:
        answered = answer("x", row.document, None).result
        assert answered.status == table.loc[row.name, "status"]
        if answered.objective is not None:
            assert answered.objective == table.loc[row.name, "objective"]


def test_two_workers_write_the_same_bytes(base, whole, tmp_path):
    build_table(make_sweep(base, GRID), tmp_path, jobs=2, html=False)
    assert csv_of(tmp_path) == csv_of(whole)
    assert (tmp_path / "table.md").read_bytes() == (whole / "table.md").read_bytes()


def test_a_changed_sweep_reuses_the_rows_whose_request_is_unchanged(base, tmp_path):
    solved = []

    def build(grid):
        return build_table(
            make_sweep(base, grid), tmp_path, html=False,
            on_progress=lambda report: solved.append(report.solved),
        )  # fmt: skip

    build({"budgets.macs": ["1M", "2M"]})
    solved.clear()
    build({"budgets.macs": [1_000_000, "2M", "4M"]})  # the first is written otherwise
    assert max(solved) == 1
    solved.clear()
    assert build({"budgets.macs": ["1M", "2M", "4M"]}).complete
    assert not solved


def test_a_worker_killed_in_mid_row_is_replaced_and_its_row_retried(base, whole, tmp_path):
    killed = []
    workers = LocalWorkers(2)

    def kill_once(report):
        processes = list((workers._pool._processes or {}).values())
        if report.solved >= 1 and not killed and processes:
            killed.append(processes[0].pid)
            os.kill(processes[0].pid, signal.SIGKILL)

    found = build_table(
        make_sweep(base, GRID), tmp_path, workers=lambda: workers, html=False, on_progress=kill_once
    )
    assert killed and found.complete
    assert csv_of(tmp_path) == csv_of(whole)


class Deadly(LocalWorkers):
    """Processes that die of one row, as of memory."""

    def submit(self, call, *arguments):
        if arguments[1]["budgets"]["macs"] == "1M":
            return super().submit(os._exit, 9)
        return super().submit(call, *arguments)


def test_a_row_that_kills_its_process_fails_alone(base, tmp_path):
    grid = {"budgets.macs": ["500k", "1M", "2M", "4M"]}
    found = build_table(make_sweep(base, grid), tmp_path, workers=lambda: Deadly(2), html=False)
    statuses = {e.row.name: e.result.status for e in found.entries}
    assert statuses["macs-1M"] == "failed"
    assert sorted(statuses.values()).count("failed") == 1
    assert "died" in next(e.result.reason for e in found.entries if e.row.name == "macs-1M")


def test_strict_stops_at_the_first_row_without_a_design(base, tmp_path):
    rows = [{"name": "no", "budgets.macs": "1k"}]
    rows += [{"name": f"r{n}", "budgets.macs": 900_000 + n} for n in range(40)]
    found = build_table(make_sweep(base, rows=rows), tmp_path, strict=True, html=False)
    assert not found.complete
    assert sum(e.result is None for e in found.entries) > 20


RUN = """
import sys
from pathlib import Path
from mathdesign.tables.build import build_table
from mathdesign.tables.sweep import load_sweep
if __name__ == "__main__":
    build_table(load_sweep(sys.argv[1]), Path(sys.argv[2]), jobs=2, html=False)
"""


def start(folder, out):
    script = folder / "run.py"
    script.write_text(RUN)
    (folder / "design.yaml").write_text(BASE)
    grid = "\n".join(f"  {key}: [{', '.join(values)}]" for key, values in GRID.items())
    (folder / "sweep.yaml").write_text(f"base: design.yaml\ngrid:\n{grid}\n")
    return subprocess.Popen([sys.executable, str(script), str(folder / "sweep.yaml"), str(out)])


@pytest.mark.parametrize("seconds", [0.7, 1.3])
def test_killed_and_resumed_equals_undisturbed(whole, tmp_path, seconds):
    out = tmp_path / "out"
    process = start(tmp_path, out)
    time.sleep(seconds)
    process.kill()
    process.wait()
    begun = time.monotonic()
    assert start(tmp_path, out).wait() == 0
    assert time.monotonic() - begun < 20  # a dead run's claims lapse at once
    assert csv_of(out) == csv_of(whole)


def test_two_commands_on_one_store_share_the_work(whole, tmp_path):
    out = tmp_path / "out"
    first, second = start(tmp_path, out), start(tmp_path, out)
    assert first.wait() == 0 and second.wait() == 0
    assert csv_of(out) == csv_of(whole)


def test_cells_are_no_formulas_and_names_no_markup(base, tmp_path):
    names = ["=1+1", "+x", "-y", "@z", "<script>alert(1)</script>", "a|b [c](d)"]
    rows = [{"name": name, "budgets.macs": "2M"} for name in names]
    found = build_table(make_sweep(base, rows=rows), tmp_path)
    frame = found.frame()
    csv = csv_text(frame)
    assert all(not line.startswith(("=", "+", "-", "@")) for line in csv.splitlines())
    assert "'=1+1," in csv
    assert "<script>alert" not in markdown_text(frame)
    assert "a\\|b \\[c\\]" in markdown_text(frame)
    assert "<script>alert(1)" not in (tmp_path / "report.html").read_text()


def test_design_table_gives_a_frame_and_leaves_nothing(base):
    table = mathdesign.design_table(base, {"budgets.macs": ["1M", "2M"]})
    assert list(table["status"]) == ["optimal", "optimal"]
    assert table["objective"].is_monotonic_increasing
    assert str(table["params"].dtype) == "Int64"


def test_only_files_that_rows_have_are_linked(tmp_path):
    slots = [{"name": "depth", "options": [1, 2, 3], "costs": {"macs": [10, 20, 30]}}]
    space = {"family": "slots", "slots": slots}
    base = {"space": space, "objective": {"metric": "macs"}}
    linked = []
    for given in (base, mathdesign.loads(BASE).to_dict()):
        out = tmp_path / given["space"]["family"]
        found = build_table(make_sweep(given, rows=[{"name": "a"}]), out)
        assert found.frame()["status"].tolist() == ["optimal"]
        page = (out / "report.html").read_text()
        packed = re.search(r'<script[^>]*id="data-table"[^>]*>([^<]*)', page)
        assert packed is not None
        linked.append(json.loads(gzip.decompress(base64.b64decode(packed[1])))["files"])
    assert linked == [["design.yaml"], ["design.yaml", "model.py", "report.html"]]
