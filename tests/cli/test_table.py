"""The commands ``table`` and ``compare``, as a user types them."""

import json

import pytest
from typer.testing import CliRunner

from mathdesign.cli.main import app
from tests.tables.test_build import BASE

run = CliRunner()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "design.yaml").write_text(BASE)
    (folder / "sweep.yaml").write_text(
        "base: design.yaml\ngrid: {budgets.macs: [1k, 1M, 2M]}\npareto: [params, objective]\n"
    )
    out = folder / "out"
    result = run.invoke(app, ["table", str(folder / "sweep.yaml"), "--out", str(out), "--json"])
    return folder, out, result


def test_a_row_without_a_design_shows_in_the_exit_status(finished):
    _, out, result = finished
    assert result.exit_code == 6, result.output
    document = json.loads(result.stdout)
    assert document["statuses"] == {"infeasible": 1, "optimal": 2}
    assert document["complete"] and not document["violations"]
    assert (out / "macs-1M" / "model.py").is_file()


def test_bad_input_is_one_status_and_writes_nothing(finished):
    folder, _, _ = finished
    (folder / "bad.yaml").write_text("base: none.yaml\ngrid: {budgets.macs: [1M]}\n")
    result = run.invoke(app, ["table", str(folder / "bad.yaml"), "--out", str(folder / "new")])
    assert result.exit_code == 2
    assert "none.yaml" in result.output and not (folder / "new").exists()
    result = run.invoke(app, ["table", str(folder / "sweep.yaml"), "--plots", "bmp"])
    assert result.exit_code == 2 and "png, svg" in result.output


def test_a_sweep_from_standard_input_has_a_folder_of_a_name(finished, monkeypatch):
    folder, _, _ = finished
    monkeypatch.chdir(folder)
    text = "base: design.yaml\ngrid: {budgets.macs: [1]}\n"
    result = run.invoke(app, ["table", "-"], input=text)
    assert result.exit_code == 6 and (folder / "runs/table/table.csv").is_file(), result.output


def test_a_metric_that_is_no_column_is_bad_input(finished):
    folder, _, _ = finished
    text = "base: design.yaml\ngrid: {budgets.macs: [1M]}\npareto: [speed, objective]\n"
    (folder / "front.yaml").write_text(text)
    result = run.invoke(app, ["table", str(folder / "front.yaml"), "--out", str(folder / "front")])
    assert result.exit_code == 2 and "speed" in result.output


def test_compare_marks_what_differs(finished):
    folder, out, _ = finished
    paths = [str(out / name / "design.yaml") for name in ("macs-1M", "macs-2M")]
    document = json.loads(run.invoke(app, ["compare", *paths, "--json"]).stdout)
    lines = {line["what"]: line for line in document["lines"]}
    assert lines["macs"]["differs"] and lines["macs"]["change"].startswith("+")
    assert not lines["status"]["differs"]
    assert any(line["section"] == "stages" and line["differs"] for line in document["lines"])
    same = json.loads(run.invoke(app, ["compare", paths[0], paths[0], "--json"]).stdout)
    assert not any(line["differs"] for line in same["lines"])
    shown = run.invoke(app, ["compare", *paths, "--out", str(folder / "compared")])
    assert shown.exit_code == 0 and "lines differ" in shown.output
    assert "macs" in (folder / "compared" / "compare.html").read_text()
    assert run.invoke(app, ["compare", paths[0], str(folder / "design.yaml")]).exit_code == 2


def test_a_terminal_shows_some_of_thousands_of_rows_without_a_design(capsys):
    from types import SimpleNamespace as Some

    from mathdesign.cli.session import Session
    from mathdesign.cli.table import MOST_SHOWN, _report
    from mathdesign.tables.store import Result

    result = Result("r", "infeasible", "macs: asked max 1")
    entries = [Some(row=Some(name=f"r{n}"), result=result) for n in range(5000)]
    dropped = {f"{n}": "objective" for n in range(5000)}
    found = Some(entries=entries, complete=True, violations=[], files=[], keys=(), dropped=dropped)
    assert _report(Session(), found) == 6
    said = capsys.readouterr().out
    assert said.count("infeasible: macs") == said.count("was damaged") == MOST_SHOWN
    assert "4,960 more rows without a design (5,000 in all)" in said
    assert "4,960 more damaged rows (5,000 in all)" in said
