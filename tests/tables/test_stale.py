"""A table's folder holds the table: rows and pictures that it no longer has go, a user's files stay."""

import pytest

from mathdesign.files import MANIFEST, note_ours
from mathdesign.tables.build import build_table
from mathdesign.tables.sweep import make_sweep
from mathdesign.tables.workers import InProcess

BASE = {
    "space": {
        "family": "basic",
        "input": {"channels": 1, "size": 8},
        "classes": 2,
        "stages": [{"width": [8, 16], "depth": [1, 2]}],
    },
    "solve": {"gap": 0},
}


@pytest.fixture
def build(tmp_path):
    def built(*limits, plots=(), html=False, **words):
        rows = [{"name": f"row {n}", "budgets.macs": limit} for n, limit in enumerate(limits)]
        sweep = make_sweep({**BASE, **words}, rows=rows)
        return build_table(sweep, tmp_path, html=html, plots=plots, workers=InProcess)

    return built


def below(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_rows_that_are_gone_take_their_folders_along(build, tmp_path):
    build("1M", "2M", "4M")
    assert (tmp_path / "row-2/design.yaml").is_file()
    (tmp_path / "row-2/notes.txt").write_text("mine")
    model = tmp_path / "row-1/model.py"
    model.write_text(model.read_text() + "# mine\n")
    build("1M")
    assert (tmp_path / "row-0/design.yaml").is_file()
    assert [f for f in below(tmp_path) if f.startswith(("row-1", "row-2"))] == [
        "row-1/model.py", "row-2/notes.txt",
    ]  # fmt: skip
    build("1M", "2M")
    assert (tmp_path / "row-1/design.yaml").is_file()


def test_a_row_without_a_design_has_no_folder_left(build, tmp_path):
    build("1M", "2M")
    table = build("1M", 1)
    assert table.entries[1].result.status == "infeasible"
    assert not (tmp_path / "row-1").exists()


def test_another_design_in_a_row_s_folder_leaves_no_training_of_the_first(build, tmp_path):
    build("1M")
    training = tmp_path / "row-0/training.json"
    training.write_text("{}")
    note_ours([training])  # as `validate` does in that folder
    build("1M", space={**BASE["space"], "classes": 3})
    assert not training.exists() and not (tmp_path / "row-0" / MANIFEST).exists()
    assert (tmp_path / "row-0/design.yaml").is_file()


def test_pictures_and_pages_that_are_not_asked_for_go(build, tmp_path):
    pytest.importorskip("plotly")
    build("1M", "2M", plots=("svg",), html=True)
    (tmp_path / "pareto.png").write_bytes(b"mine")
    assert {"pareto.svg", "report.html"} <= set(below(tmp_path))
    build("1M", "2M")
    assert not {"pareto.svg", "report.html"} & set(below(tmp_path))
    assert (tmp_path / "pareto.png").read_bytes() == b"mine"
