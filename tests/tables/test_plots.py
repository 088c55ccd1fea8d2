"""The Pareto plot as a file: both formats, any number of metrics, any name, equal bytes."""

import numpy as np
import pandas as pd
import pytest

from mathdesign.tables.plots import draw_pareto, picture

rng = np.random.default_rng(1)
TABLE = pd.DataFrame(
    {
        "macs": rng.lognormal(18, 1.5, 60).round(),
        "params": rng.lognormal(14, 1, 60).round(),
        "objective": rng.normal(size=60),
        "family": ["bottleneck", "$\\frac{", "<b>"] * 20,
    }
)
TABLE.loc[3, "objective"] = np.nan


@pytest.mark.parametrize("form", ["png", "svg"])
def test_equal_tables_give_equal_bytes(form):
    metrics = ["macs", "params", "objective"] if form == "svg" else ["macs", "objective"]
    first = picture(TABLE, metrics, form, title="$\\frac{<b>", colour="family")
    assert first == picture(TABLE, metrics, form, title="$\\frac{<b>", colour="family")
    assert first.startswith(b"\x89PNG" if form == "png" else b"<?xml")


def test_the_suffix_is_the_format(tmp_path):
    path = draw_pareto(TABLE, ["macs", "objective"], tmp_path / "deep" / "pareto.svg")
    assert path.read_bytes().startswith(b"<?xml")
    with pytest.raises(ValueError, match=r"'pdf', accepted: png, svg"):
        draw_pareto(TABLE, ["macs", "objective"], tmp_path / "pareto.pdf")


def test_a_table_without_a_single_design_still_gives_a_picture():
    empty = TABLE.assign(objective=np.nan)
    assert picture(empty, ["macs", "objective"], "svg").startswith(b"<?xml")


def test_one_metric_is_no_plot():
    with pytest.raises(ValueError, match="two metrics"):
        picture(TABLE, ["macs"], "png")
