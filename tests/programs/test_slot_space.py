"""Spaces of option lists: designs of a table as points, and points as words."""

import numpy as np
import pytest

from mathdesign.programs.slot_space import MOST_LISTED, TableError, TableSpace
from mathdesign.programs.slots import Slot, TableSum

pd = pytest.importorskip("pandas")

SPACE = TableSpace(
    "small",
    (Slot("width", ("w8", "w16"), (8.0, 16.0)), Slot("op", ("none", "conv", "pool"))),
    {"macs": TableSum(5, (np.array([1, 2]), np.array([0, 30, 10])))},
)


def points(width, op) -> list[list[int]]:
    return SPACE.points(pd.DataFrame({"width": width, "op": op})).tolist()


def test_designs_are_counted():
    assert SPACE.size == 6


def test_cells_are_names_values_or_positions():
    assert points(["w8", "w16"], ["pool", "none"]) == [[0, 2], [1, 0]]
    assert points([8, 16.0], [2, 0]) == [[0, 2], [1, 0]]
    assert points([" w8 ", "16"], ["2", "none "]) == [[0, 2], [1, 0]]
    assert points([], []) == []


def test_a_name_wins_over_a_position_written_the_same():
    space = TableSpace("digits", (Slot("op", ("1", "0")),))
    assert space.points(pd.DataFrame({"op": [1, 0]})).tolist() == [[0], [1]]


def test_every_fault_of_a_table_is_listed():
    with pytest.raises(TableError) as caught:
        SPACE.points(pd.DataFrame({"width": ["w9"] * (MOST_LISTED + 2)}))
    lines = str(caught.value).splitlines()
    assert lines[0] == "row 1, width: found 'w9', accepted: w8, w16"
    assert lines[MOST_LISTED] == "width: 2 more wrong cells"
    assert lines[-1] == "no column 'op' for a slot of small; found: width"


def test_points_as_numbers():
    found = SPACE.values(np.array([[0, 2], [1, 0]]))
    assert found.tolist() == [[8.0, 2.0], [16.0, 0.0]]


def test_words_and_points_are_inverse():
    for point in [(0, 0), (1, 2)]:
        assert SPACE.point(SPACE.words(point)) == point
    with pytest.raises(TableError, match="op: found 'conf', accepted: none, conv, pool"):
        SPACE.point({"width": "w8", "op": "conf"})
    with pytest.raises(TableError, match="op: found 'None'"):
        SPACE.point({"width": "w8"})


def test_costs_of_one_design():
    assert SPACE.costs((1, 1)) == {"macs": 5 + 2 + 30}
