"""A sweep's rows, and every fault of it at once."""

import pytest

from mathdesign.spec.faults import SpecError
from mathdesign.tables.sweep import load_sweep, make_sweep
from tests.tables.small import INNER, SPEC

BASE = SPEC.format(name="base", family="basic", inner=INNER["basic"], macs="2M", params="100k")


def sweep_file(folder, text, base=BASE):
    (folder / "design.yaml").write_text(base)
    (folder / "sweep.yaml").write_text(text)
    return folder / "sweep.yaml"


def test_rows_are_the_product_then_the_explicit_rows(tmp_path):
    found = load_sweep(
        sweep_file(
            tmp_path,
            """
base: design.yaml
grid: {budgets.macs: [1M, 2M], budgets.params: [50k, 100k]}
rows: [{name: phone, budgets.macs: 3M, solve.gap: 1%}]
""",
        )
    )
    assert [row.name for row in found.rows] == [
        "macs-1M_params-50k", "macs-1M_params-100k", "macs-2M_params-50k", "macs-2M_params-100k",
        "phone",
    ]  # fmt: skip
    assert found.keys == ("budgets.macs", "budgets.params", "solve.gap")
    assert found.rows[0].document["budgets"] == {"macs": "1M", "params": "50k"}
    assert found.rows[4].document["budgets"] == {"macs": "3M", "params": "100k"}
    assert len(found.validate(found.rows)) == 5


def test_every_fault_of_the_sweep_is_reported_at_once(tmp_path):
    path = sweep_file(
        tmp_path,
        """
base: design.yaml
grids: {}
grid: {budgets.macs: [], budgets.params: [1k, 1k], "a b": [1]}
rows: [{name: x}, {name: x}, 3]
pareto: [macs]
""",
    )
    with pytest.raises(SpecError) as caught:
        load_sweep(path)
    assert len(caught.value.faults) == 7
    assert "did you mean grid?" in str(caught.value)
    assert f"{path}:6:" in str(caught.value)


def test_faults_of_rows_are_reported_once_where_they_were_caused(tmp_path):
    path = sweep_file(
        tmp_path,
        """
base: design.yaml
grid:
  budgets.macs: [1M, many]
  budgets.params: [50k, 100k]
  space.familly: [basic]
""",
    )
    found = load_sweep(path)
    with pytest.raises(SpecError) as caught:
        found.validate(found.rows)
    text = str(caught.value)
    assert f"{path}:4:3" in text and "many" in text
    assert f"{path}:6:3" in text and "familly" in text
    assert len({(f.line, f.found) for f in caught.value.faults}) == 2


def test_the_base_stays_inside_the_folder_unless_allowed(tmp_path):
    inner = tmp_path / "project"
    inner.mkdir()
    (tmp_path / "secret.yaml").write_text(BASE)
    for base in ("../secret.yaml", str(tmp_path / "secret.yaml")):
        path = sweep_file(inner, f"base: {base}\ngrid: {{budgets.macs: [1M]}}\n")
        with pytest.raises(SpecError, match="--allow-outside"):
            load_sweep(path)
        assert len(load_sweep(path, allow_outside=True).rows) == 1
    (inner / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    with pytest.raises(SpecError, match="--allow-outside"):
        load_sweep(sweep_file(inner, "base: link.yaml\ngrid: {budgets.macs: [1M]}\n"))


@pytest.mark.parametrize("name", ["../../etc", "a/b", "<b>x</b>", "=1+1", "", "ä ö", "." * 200])
def test_no_name_leaves_the_table_s_folder(name):
    rows = [{"name": name or "x", "budgets.macs": "1M"}, {"name": "row"}]
    for row in make_sweep({"version": 1}, rows=rows).rows:
        assert "/" not in row.folder and row.folder not in ("", ".", "..")
        assert not row.folder.startswith((".", "-")) and len(row.folder) <= 64


def test_folders_differ_even_where_names_are_written_alike():
    rows = [{"name": n} for n in ("a b", "a-b", "A-B", "a/b")]
    folders = [row.folder for row in make_sweep({"version": 1}, rows=rows).rows]
    assert len({f.lower() for f in folders}) == 4


def test_predictors_lie_beside_the_sweep_that_names_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("base", "one", "two"):
        (tmp_path / "deep" / name).mkdir(parents=True)
        (tmp_path / "deep" / name / "predictor.json").write_text("{}")
    (tmp_path / "deep/sweep.yaml").write_text(
        "base: {space: {family: nats_size}, objective: {predictor: base}}\n"
        "grid: {objective.predictor: [one, elsewhere]}\n"
        "rows: [{name: own, objective.predictor: two}, {name: plain, budgets.macs: 9}]\n"
    )
    rows = load_sweep("deep/sweep.yaml").rows
    found = [row.document["objective"]["predictor"] for row in rows]
    assert found == ["deep/one", "elsewhere", "deep/two", "deep/base"]
