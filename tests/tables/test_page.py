"""What the page of a table holds: every value, each network once, and nothing that can run."""

import base64
import gzip
import json
import re

import numpy as np
import pandas as pd
import pytest

from mathdesign.tables import payload as payload_module
from mathdesign.tables.page import page, write_page
from mathdesign.tables.payload import inside, payload
from tests.tables.small import frame, solved

HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror=alert(1)>{{table}}"


@pytest.fixture(scope="module")
def table():
    return solved(macs=(500_000, 4_000_000), params=(30_000,))


def unpacked(text: str, part: str) -> str:
    (data,) = re.findall(rf'id="data-{part}">([A-Za-z0-9+/=]*)</script>', text)
    return gzip.decompress(base64.b64decode(data)).decode()


def column(text: str, name: str) -> list:
    (found,) = (c for c in json.loads(unpacked(text, "table"))["columns"] if c["name"] == name)
    if found["kind"] == "text":
        return [found["words"][code] for code in found["codes"]]
    return found["values"]


def test_equal_tables_give_equal_bytes(table, tmp_path):
    rows, designs = table
    path = write_page(rows, designs, tmp_path / "deep" / "report.html")
    assert path.read_text() == page(rows.copy(), dict(designs))


def test_the_page_holds_every_value(table):
    rows, designs = table
    text = page(rows, designs)
    for name in rows.columns:
        assert column(text, name) == rows[name].tolist(), name
    assert column(text, "pareto") == ["yes" if n in ("basic-500k-30k", "bottleneck-500k-30k",
                                      "bottleneck-4000k-30k") else "" for n in rows["name"]]  # fmt: skip


def test_a_network_that_several_rows_share_is_stored_once(table):
    rows, designs = table
    twice = pd.concat([rows, rows], ignore_index=True)
    found = payload(twice, designs, ["macs", "objective"])
    assert len(found.architectures) == len(rows) == 4
    assert found.table["architecture"] == [0, 1, 2, 3] * 2
    stem = json.loads(found.architectures[0])[0]
    assert stem[:3] == ["stem", "stem", "conv"]
    design = designs[rows["request_sha256"][0]]
    assert stem[5] == design["network"]["stages"][0]["width"]
    limits = {b["metric"]: [b["used"], b["upper"]] for b in design["budgets"]}
    assert {metric: [used, upper] for metric, used, upper, _ in json.loads(found.budgets[0])} == (
        limits
    )


def test_no_text_of_a_user_becomes_markup(table):
    rows, designs = table
    text = page(rows.assign(name=HOSTILE), designs, title=HOSTILE, downloads=[HOSTILE])
    assert len(re.findall("<script", text)) == 4  # three blocks of data and the page's own
    assert "<img" not in text
    assert text.count("window.hacked") == 4  # escaped: title, heading, a download and its link
    assert column(text, "name") == [HOSTILE] * len(rows)


def test_the_policy_forbids_every_request_and_every_other_script(table):
    text = page(*table)
    (policy,) = re.findall('Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith("default-src 'none'")
    assert re.search("script-src 'sha256-[^']*'$", policy)
    assert "innerHTML" not in text
    assert not re.findall(r'(?:src|href)="(?!\./|#|data:)', text)


def test_links_stay_below_the_page():
    for safe in ("row", "rows/a b", "rows/ü", "rows/..hidden"):
        assert inside(safe) == safe
    for outside in ("../x", "a/../../x", "/etc", "javascript:alert(1)", "a\\..\\b", "", None, 3):
        assert inside(outside) == ""


def test_rows_without_a_design_keep_their_reason(table):
    rows, designs = table
    failed = {"name": "none", "status": "failed", "reason": "worker lost", "request_sha256": "?"}
    more = pd.concat([rows, pd.DataFrame([failed])], ignore_index=True)
    found = payload(more, designs, ["macs", "objective"])
    assert found.table["architecture"][-1] == found.table["certificate"][-1] == -1
    assert column(page(more, designs), "objective")[-1] is None
    assert column(page(more, designs), "reason")[-1] == "worker lost"


def test_designs_are_found_by_name_too(table):
    rows, designs = table
    by_name = {n: designs[h] for n, h in zip(rows["name"], rows["request_sha256"])}
    plain = rows.drop(columns=["request_sha256", "folder"])
    assert payload(plain, by_name, ["macs"]).table["architecture"] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "design",
    [
        {},
        {"network": 3, "budgets": "x", "certificate": []},
        {"network": {"stages": [None, {"width": "wide", "depth": -1, "stride": 0}]}},
        {"network": {"name": "n", "layers": [{"kind": HOSTILE}]}, "certificate": {"seed": "x"}},
        {"network": {"stages": [{"width": 10**30, "depth": 10**30, "role": HOSTILE}]}},
        {"budgets": [{"metric": HOSTILE, "used": float("nan"), "upper": float("inf")}, 7]},
    ],
)
def test_a_design_that_is_none_breaks_no_page(design):
    rows = frame([{"name": "n", "status": "optimal", "macs": 1, "params": 1, "blocks": 1}])
    assert "<h1>" in page(rows, {"n": design}, pareto=["macs"])


def test_odd_values_become_numbers_words_or_nothing():
    rows = pd.DataFrame(
        {
            "name": ["a", "b", "c"],
            "mixed": [1, None, 2.5],
            "flag": [True, False, True],
            "endless": [np.inf, -np.inf, 1.0],
            "empty": [None, np.nan, pd.NA],
            "lists": [[1, 2], "x", None],
            "macs": [3, 2, 1],
        }
    )
    text = page(rows, {}, pareto=["macs"])
    assert column(text, "mixed") == [1, None, 2.5]
    assert column(text, "flag") == ["True", "False", "True"]
    assert column(text, "endless") == [None, None, 1]
    assert column(text, "empty") == ["", "", ""]
    assert column(text, "lists") == ["[1, 2]", "x", ""]


def test_a_metric_that_is_no_column_is_refused(table):
    with pytest.raises(ValueError, match="latency_ms"):
        page(*table, pareto=["latency_ms", "objective"])


def test_a_table_too_large_for_a_page_keeps_its_front_and_says_what_is_left_out(monkeypatch):
    monkeypatch.setattr(payload_module, "LARGEST_PAGE_ROWS", 10)
    rows = pd.DataFrame({"name": [f"r{i}" for i in range(100)], "macs": range(100, 0, -1)})
    found = payload(rows, {}, ["macs"])
    assert found.table["rows"] == 10 and found.table["left_out"] == 90
    assert found.table["columns"][0]["words"] == [f"r{i}" for i in range(9)] + ["r99"]
