"""The costs of the named spaces, against the published tables and counts."""

import numpy as np
import pandas as pd
import pytest

from mathdesign import SpecError, design, loads
from mathdesign.result import Design
from mathdesign.spaces.lists.named import (
    PRESETS,
    SPACES,
    TableError,
    nasbench201,
    nats_size,
    proxyless,
)
from tests.places import SHARED

DATA = SHARED / "data"


def table(name):
    if not (DATA / name).is_file():
        pytest.skip(f"needs the table {name}, which is not beside the repository")
    return pd.read_csv(DATA / name)


def test_sizes_are_the_published_ones():
    sizes = {name: make().size for name, make in SPACES.items()}
    assert set(sizes) >= set(PRESETS)
    assert sizes["fbnet"] == 8**6 * 9**16 and sizes["accel_nasbench"] == 36**6 * 48
    names = ("nasbench101", "nasbench201", "nats_size", "proxyless")
    assert {name: sizes[name] for name in names} == {
        "nasbench101": 2**21 * 4**5,  # assignments; the rows leave the cells
        "nasbench201": 15_625, "nats_size": 32_768, "proxyless": 6**6 * 7**15,
    }  # fmt: skip


def test_published_counts_of_the_size_space():
    space = nats_size()
    for widths, params in {
        (8,) * 5: 11_714,
        (8, 8, 16, 40, 40): 107_826,
        (64,) * 5: 713_674,
    }.items():
        assert space.costs([w // 8 - 1 for w in widths])["params"] == params


def test_every_network_of_the_size_space_counts_as_in_the_table():
    frame = table("nats_sss/sss.csv.gz")
    space = nats_size()
    points = space.points(frame)
    for metric in ("macs", "params"):
        assert (space.metrics[metric].at(points) == frame[metric].to_numpy()).all()


def test_every_cell_counts_as_in_the_table():
    frame = table("nasbench201/nb201.csv.gz")
    space = nasbench201()
    points = space.points(frame, [slot.name for slot in space.slots])
    assert len(np.unique(points, axis=0)) == 15_625
    macs = space.metrics["macs"].at(points) / 1e6
    assert np.abs(macs - frame["flops_m_cifar10"]).max() < 1e-6
    params = space.metrics["params"].at(points) / 1e6
    # 150 rows of the tabulated parameters do not follow from their operations; the multiply-adds of
    # the same rows do.
    assert (np.abs(params - frame["params_m_cifar10"]) > 1e-6).sum() == 150


def test_the_smallest_layer_list_by_hand():
    space = proxyless()
    zero = [len(slot.options) - 1 if len(slot.options) == 7 else 0 for slot in space.slots]
    side, width, macs = 112, 24, 112**2 * (27 * 40 + 9 * 40 + 40 * 24)
    for out, stride in ((24, 2), (40, 2), (80, 2), (96, 1), (192, 2), (320, 1)):
        inner, after = 3 * width, side // stride
        macs += width * inner * side**2 + 9 * inner * after**2 + inner * out * after**2
        side, width = after, out
    assert space.costs(zero)["macs"] == macs + 49 * 320 * 1280 + 1280 * 1000


def test_a_table_that_does_not_fit_is_refused_with_every_cell():
    frame = pd.DataFrame({"c1": [8, 9], "c2": [8, 16], "c3": ["8", "x"], "c4": [8.0, 64.0]})
    with pytest.raises(TableError) as caught:
        nats_size().points(frame)
    text = str(caught.value)
    assert "row 2, c1: found '9'" in text and "'x'" in text and "no column 'c5'" in text


def test_words_and_points_are_inverse():
    space = nasbench201()
    for point in ((0, 1, 2, 3, 4, 0), (4,) * 6):
        assert space.point(space.words(point)) == point


def test_truth_and_words_for_nothing_are_options():
    """YAML's true is the option `true`, not 1; `None`, `NA` and nothing between quotes are words."""
    text = """
space: {family: slots, slots: [{name: se, options: [true, false], costs: {c: [1, 2]}},
  {name: norm, options: [None, NA, ""], costs: {c: [1, 2, 5]}}], without: {se: [false]}}
objective: {metric: c}
"""
    spec = loads(text)
    slots = spec.table_space().slots
    assert [slot.options for slot in slots] == [("true", "false"), ("None", "NA", "")]
    best = design(spec)
    assert best.network.options == {"se": "true", "norm": ""}
    assert Design.from_yaml(best.to_yaml()) == best
    assert loads(spec.to_yaml()) == spec
    for change, words in (
        ("[true, 'true']", "an option twice"),
        ("[true, false], ordered: true", "a word"),
        ("[true, null]", "options"),
    ):
        with pytest.raises(SpecError, match=words):
            loads(text.replace("[true, false]", change))


def test_options_are_left_out_by_the_numbers_that_they_are():
    text = """
space: {family: slots, slots: [{name: w, options: [8, 0.5], costs: {c: [1, 2]}}, {name: b, options: [x, y]}],
  without: {w: [0.5]}}
objective: {metric: c}
"""
    assert design(loads(text)).network.options["w"] == "8"
