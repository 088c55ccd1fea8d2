"""Every metric of every kind in tables, fronts, pages and CSVs; row folders as `design` writes them."""

import sqlite3

import pandas as pd
import pytest

import mathdesign
from mathdesign.report.files import files_of
from mathdesign.result import Design
from mathdesign.tables.build import build_table
from mathdesign.tables.payload import payload
from mathdesign.tables.store import Store, metrics_of
from mathdesign.tables.sweep import make_sweep

DECODER = {
    "space": {
        "family": "decoder_lm", "vocabulary": 64, "context": 32,
        "stacks": [{"width": [32, 64], "depth": "1..3", "head_size": 16, "ffn_ratio": 2,
                    "layers": "shared"}],
    },
    "linear_metrics": [{"name": "latency", "terms": {"constant": 5, "layers": 3}}],
    "effectiveness": 1,
}  # fmt: skip
CHAIN = {
    "space": {
        "family": "basic", "input": {"channels": 1, "size": 16}, "classes": 4, "stem": {"width": 8},
        "stages": [{"stride": 2, "width": [8, 16], "depth": "1..2"}],
    },
    "rows": [{"name": "area", "sum": {"stage1": "depth * width"}, "max": 1000}],
}  # fmt: skip
SLOTS = {
    "space": {"family": "slots", "slots": [
        {"name": "a", "options": [1, 2], "costs": {"energy": [3, 4], "gain": [1, 2]}}]},
    "objective": {"metric": "gain"},
}  # fmt: skip
CASES = [
    (DECODER, {"budgets.params": ["20k", "60k"]}, ("kv_cache_bytes", "token_macs", "latency"),
     ["kv_cache_bytes", "objective"]),
    (CHAIN, {"budgets.params": ["4k", "9k"]}, ("area", "entropy"), ["area", "objective"]),
    (SLOTS, {"budgets.energy": [3, 4]}, ("energy", "gain"), ["energy", "objective"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("base", "grid", "names", "front"), CASES, ids=["decoder", "chain", "slots"]
)
def test_every_metric_is_everywhere(tmp_path, base, grid, names, front):
    found = build_table(make_sweep(base, grid, None, front), tmp_path)
    frame, csv = found.frame(), pd.read_csv(tmp_path / "table.csv")
    markdown = (tmp_path / "table.md").read_text()
    designs = {}
    for _, row in frame.iterrows():
        folder = tmp_path / row["folder"]
        design = Design.load(folder / "design.yaml")
        designs[row["name"]] = design.to_dict()
        assert {path.name for path in folder.iterdir()} == set(files_of(design))
        for name, value in design.metrics.items():
            assert row[name] == value and str(frame[name].dtype) == "Int64"
    for name in names:
        assert name in csv and name.replace("_", "\\_") in markdown
    assert "blocks" not in frame or frame["blocks"].notna().any()
    assert len(mathdesign.pareto(frame, front)) >= 1
    table = payload(frame, designs, front).table
    parts = {column["name"]: column["part"] for column in table["columns"]}
    assert all(parts[name] == "answer" for name in names)
    assert parts[next(iter(grid))] == "request"


def test_a_store_of_before_is_read_and_goes_on(tmp_path):
    sweep = make_sweep(DECODER, {"budgets.params": ["20k", "60k"]}, None, ["macs", "objective"])
    before = build_table(sweep, tmp_path, html=False).frame()
    store = sqlite3.connect(tmp_path / "store.sqlite")
    store.execute("ALTER TABLE results DROP COLUMN metrics")
    store.commit()
    store.close()
    after = build_table(sweep, tmp_path, html=False).frame()
    pd.testing.assert_frame_equal(before, after)
    with Store(tmp_path / "store.sqlite") as opened:
        assert all("kv_cache_bytes" in result.metrics for result in opened.results().values())


def test_metrics_named_as_columns_keep_out_of_their_way(tmp_path):
    base = {
        "space": {"family": "slots", "slots": [
            {"name": "a", "options": [1, 2], "costs": {"status": [3, 4], "big": [2**53, 1]}}]},
        "objective": {"metric": "status"},
    }  # fmt: skip
    frame = build_table(make_sweep(base, {"budgets.big": [2**53]}), tmp_path, html=False).frame()
    assert frame["status"][0] == "optimal" and frame["metric.status"][0] == 4


def test_numbers_beside_the_metrics_are_metrics_too():
    design = {"format": 1, "metrics": {"a": 1}, "entropy": 2.5, "predictor": {"predicted": 3.5}}
    assert metrics_of(design) == {"a": 1, "entropy": 2.5, "predicted": 3.5}
