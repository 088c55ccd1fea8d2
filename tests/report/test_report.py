"""What a finished design looks like: rows, terminal, page, files, two beside each other. All kinds."""

import dataclasses
import io
import re

import pytest
from rich.console import Console

from mathdesign.report.comparison import comparison, objectives_differ
from mathdesign.report.drawing import drawing, stages_of
from mathdesign.report.files import files_of, write_design, write_training
from mathdesign.report.html import Trained, page
from mathdesign.report.rows import budget_table, figure_rows, number, status_words
from mathdesign.report.terminal import print_design
from mathdesign.result import Design
from mathdesign.solvers.base import gap_text
from tests.places import ROOT

SAVED = sorted((ROOT / "tests/saved").glob("*.yaml"))
CHAIN = ROOT / "tests/saved/chain.yaml"
every_saved = pytest.mark.parametrize("design", [*map(Design.load, SAVED)], ids=lambda d: d.name)


def shown(design: Design) -> str:
    out = io.StringIO()
    print_design(Console(file=out, width=250), design)
    return out.getvalue()


@every_saved
def test_the_terminal_shows_architecture_budgets_and_certificate(design):
    text = shown(design)
    table = design.kind.table(design.network)
    assert design.name in text and all(word in text for word in table.header)
    assert all(str(cell) in text for row in table.rows for cell in row)
    for use in design.budgets:
        assert use.metric in text and number(use.used) in text
    assert f"{design.certificate.objective:.6f}" in text
    assert f"{design.certificate.backend}, seed {design.certificate.seed}" in text


@every_saved
def test_a_table_has_as_many_cells_as_its_header(design):
    table = design.kind.table(design.network)
    assert table.rows and all(len(row) == len(table.header) for row in table.rows)
    header, rows = budget_table(design)
    assert all(len(row) == len(header) for row in rows)


def test_a_stopped_search_is_never_called_optimal():
    assert status_words("optimal", "completed", 0.001) == "proven optimal"
    assert status_words("feasible", "time_limit", 0.001) == (
        "feasible, not proven optimal (stopped: time limit)"
    )
    design = Design.load(CHAIN)
    proof = dataclasses.replace(design.certificate, status="feasible", bound=None, gap=None)
    rows = dict(figure_rows(dataclasses.replace(design, certificate=proof)))
    assert (rows["bound"], rows["gap"]) == ("none", "unknown")
    assert "optimal" not in rows["status"].replace("not proven optimal", "")


def test_a_proof_about_a_predictor_says_so():
    design = Design.load(ROOT / "tests/saved/predictor.yaml")
    rows = dict(figure_rows(design))
    assert rows["status"].endswith("of the predictor") and "(score)" in rows["objective"]
    assert "cross-validated RMSE" in rows["predictor"]


def test_numbers_are_written_for_reading():
    assert (number(1234567.0), number(0.25), gap_text(0.0012)) == (
        "1,234,567",
        "0.250000",
        "0.1200%",
    )


@every_saved
def test_the_files_of_a_design_and_only_those_it_has(design, tmp_path):
    files = files_of(design)
    assert next(iter(files)) == "design.yaml"
    builds = design.kind.name != "lists" or design.network.network is not None
    assert ("model.py" in files) == builds
    assert ("report.html" in files) == (design.kind.drawn(design.network) is not None)
    written = write_design(design, tmp_path / "deep" / "er")
    assert [path.name for path in written] == list(files)
    assert Design.load(written[0]) == design


def test_the_page_is_self_contained_and_escapes_what_it_shows():
    design = Design.load(CHAIN)
    hostile = dataclasses.replace(design.network, name="<script>alert(1)</script>")
    text = page(dataclasses.replace(design, network=hostile))
    assert "<script>alert" not in text and "&lt;script&gt;" in text
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", text)
    assert design.certificate.request_sha256 in text


def test_the_drawing_has_a_bar_a_block():
    design = Design.load(CHAIN)
    stages = stages_of(design.network.to_dict())
    bars = sum(stage.depth for stage in stages if stage.role != "classifier")
    assert drawing(stages).count("<i>") == bars
    assert drawing(()) == "" and stages_of({"stages": ["no", 3]}) == ()


@every_saved
def test_a_design_does_not_differ_from_itself(design):
    lines = comparison(design, design)
    assert lines and not any(line.differs or line.change for line in lines)


def test_a_difference_is_marked_with_its_change():
    first = Design.load(CHAIN)
    macs = first.metrics["macs"]
    second = dataclasses.replace(first, metrics={**first.metrics, "macs": macs * 2})
    (line,) = (line for line in comparison(first, second) if line.differs)
    assert (line.what, line.change) == ("macs", "+100.00%")


def test_designs_of_two_kinds_are_compared_by_what_both_have():
    lines = comparison(Design.load(CHAIN), Design.load(ROOT / "tests/saved/decoder.yaml"))
    both = {line.what: line for line in lines}
    assert both["params"].differs and both["objective"].differs


def test_the_page_holds_what_came_of_training(tmp_path):
    design = Design.load(CHAIN)
    found = {
        "test_accuracy": 0.9944, "test_loss": 0.02, "data": "<digits>", "images": [3, 2, 1],
        "options": {"epochs": 5, "seed": 0}, "batch_size": 64, "seconds": 69.04, "device": "cpu",
    }  # fmt: skip
    trained = Trained(found, b"\x89PNG")
    without = write_training(design, tmp_path, trained)  # no page to add to
    assert [path.name for path in without] == ["curve.png", "training.json"]
    write_design(design, tmp_path)
    path = write_training(design, tmp_path, trained)[-1]
    text = path.read_text()
    assert "99.44%" in text and "&lt;digits&gt;" in text and "data:image/png;base64,iVBORw" in text
    assert "Training" not in page(design)


def test_other_objectives_are_not_compared():
    design = Design.load(CHAIN)
    request = {**design.request, "objective": {"entropy": {"variant": "paper", "weights": [1]}}}
    other = dataclasses.replace(design, request=request)
    assert objectives_differ(design, other).startswith("`objective.entropy.")
    assert "`objective.entropy.variant` is" in objectives_differ(design, other)
    entropy = {**design.request["objective"]["entropy"], "depth_penalty": 3.5}
    asked = {**design.request["objective"], "entropy": entropy}
    near = dataclasses.replace(design, request={**design.request, "objective": asked})
    before = design.request["objective"]["entropy"].get("depth_penalty")
    words = f"`objective.entropy.depth_penalty` is {before or 'unset'} and 3.5"
    assert objectives_differ(design, near) == words
    lines = {line.what: line.change for line in comparison(design, other)}
    assert lines["objective"] == "another objective" and lines["params"] == ""
    assert objectives_differ(design, design) == ""
    assert "convnet" in objectives_differ(design, Design.load(ROOT / "tests/saved/decoder.yaml"))
