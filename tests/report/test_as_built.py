"""Where a counting profile leaves something out, what is built stands beside what is counted."""

import pytest

import mathdesign
from mathdesign.report.html import page
from mathdesign.report.rows import AS_BUILT, budget_table, figure_rows
from mathdesign.result import Design
from mathdesign.spaces.convnet.families import BODY_FAMILIES
from mathdesign.tables.payload import _budgets
from mathdesign.validators.convnet.recount import recount
from tests.places import ROOT

SPACE = """
space:
  family: {family}
  input: {{channels: 3, size: 16}}
  classes: 10
  stem: {{width: 8, stride: 1}}
  stages: [{{width: 16, stride: 2, {words}depth: 1..2}}]
objective: {{entropy: {{}}}}
budgets: {{macs: 3M, params: 100k}}
counting: {counting}
"""
WORDS = {"basic": "", "depthwise_separable": "", "regnet": "expansion: 1, group_width: 8, "}


def designed(family: str, counting: str) -> Design:
    words = WORDS.get(family, "bottleneck: 16, ")
    return mathdesign.design(
        mathdesign.loads(SPACE.format(family=family, words=words, counting=counting))
    )


@pytest.mark.parametrize("family", BODY_FAMILIES)
def test_the_true_figure_stands_beside_the_counted_one(family):
    pytest.importorskip("torch")
    design = designed(family, "tinynas")
    found = recount(design.build(), 3, 16)
    header, rows = budget_table(design)
    column = header.index(AS_BUILT)
    shown = {row[0]: row[column] for row in rows}
    assert shown == {"params": f"{found.params:,}", "macs": f"{found.macs:,}"}
    assert design.metrics["macs"] != found.macs
    assert dict(figure_rows(design))["macs"] == (
        f"{design.metrics['macs']:,} counted, {found.macs:,} as built"
    )
    assert f"{found.macs:,}" in page(design)
    sent = {budget[0]: budget for budget in _budgets(design.to_dict())}
    assert sent["macs"][-1] == found.macs


@pytest.mark.parametrize("family", BODY_FAMILIES)
def test_true_counting_needs_no_second_figure(family):
    design = designed(family, "macs")
    header, _ = budget_table(design)
    assert AS_BUILT not in header and AS_BUILT not in page(design)
    assert all(len(budget) == 4 for budget in _budgets(design.to_dict()))


@pytest.mark.parametrize("name", ["decoder", "list"])
def test_other_kinds_count_what_they_are(name):
    design = Design.load(ROOT / f"tests/saved/{name}.yaml")
    assert AS_BUILT not in budget_table(design)[0]
