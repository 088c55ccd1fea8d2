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


def test_cells_are_names_or_values():
    assert points(["w8", "w16"], ["pool", "none"]) == [[0, 2], [1, 0]]
    assert points([8, 16.0], ["pool", "none"]) == [[0, 2], [1, 0]]
    assert points([" w8 ", "16.00"], ["pool", "none "]) == [[0, 2], [1, 0]]
    assert points([], []) == []


def read(options, cells, values=None, positions=()) -> list[int]:
    space = TableSpace("one", (Slot("op", options, values),))
    return space.points(pd.DataFrame({"op": cells}), positions)[:, 0].tolist()


def test_positions_are_read_only_where_they_are_asked_for():
    with pytest.raises(TableError) as caught:
        read(("none", "conv", "pool"), [2, 0])
    assert "say so: --positions op" in str(caught.value)
    assert read(("none", "conv", "pool"), [2, "0", 1.0], positions=("op",)) == [2, 0, 1]
    # Positions and nothing else: no cell is a name here and a position there.
    assert read(("1", "0"), [0, 1], positions=("op",)) == [0, 1]
    with pytest.raises(TableError, match="row 1, op: found '2', accepted: a position, 0 to 1"):
        read(("2", "0"), [2], positions=("op",))
    for cell in (-1, 0.5, True, "x", None):
        with pytest.raises(TableError, match="accepted: a position"):
            read(("a", "b"), [cell], positions=("op",))
    with pytest.raises(TableError, match="positions of 'ops': no slot of one; accepted: op"):
        read(("a", "b"), [0], positions=("ops",))


@pytest.mark.parametrize(
    ("options", "cells", "found"),
    [
        (("1", "0"), [1, 0], [0, 1]),
        (("1", "0"), [1.0, 0.0], [0, 1]),
        (("1", "0"), ["1.0", "00", "+1"], [0, 1, 0]),
        (("1.0", "0.5"), [1.0, 1, "1", 0.5], [0, 0, 0, 1]),
        (("1e-05", "1000"), ["0.00001", "1e3", 1e-5], [0, 1, 0]),
        (("2", "1", "0"), [0, 1, 2], [2, 1, 0]),
        (("0.1", "0.2"), [np.float32(0.1), 0.2], [0, 1]),
        (("9007199254740992", "9007199254740993"), ["9007199254740993", 9007199254740992], [1, 0]),
        (("1.5", "1.50"), ["1.50", "1.5", 1.5], [1, 0, 0]),
        (("None", "NA", "", "nan"), ["NA", "None", "nan", "", "  "], [1, 0, 3, 2, 2]),
        (("true", "false"), [True, np.False_, "True", "FALSE", "false"], [0, 1, 0, 1, 1]),
    ],
)
def test_names_win_then_numbers(options, cells, found):
    """What each cell says, whatever stands at that position."""
    assert read(options, pd.Series(cells, dtype=object)) == found


def test_a_name_wins_over_a_value_and_both_over_nothing():
    assert read(("2", "1"), [1, 2, "1.0"], (1.0, 2.0)) == [1, 0, 1]
    assert read(("small", "1"), ["1", "small", "7"], (7.0, 2.0)) == [1, 0, 0]


@pytest.mark.parametrize(
    ("options", "cell"),
    [
        (("1", "1.0"), "1.00"),  # two options
        (("true", "True"), "TRUE"),
        (("1", "0"), True),  # truth is no number
        (("true", "false"), 1),
        (("None", "x"), None),  # missing, which a reader says of more than one word
        (("nan", "x"), float("nan")),
        (("None", "x"), pd.NA),
        (("0", "1"), "1e99999999"),
        (("1000", "1"), "1_000"),
    ],
)
def test_what_no_option_is_called_is_refused(options, cell):
    with pytest.raises(TableError, match="row 1, op: found"):
        read(options, pd.Series([cell], dtype=object))


def test_a_missing_value_is_told_with_its_cure():
    with pytest.raises(TableError) as caught:
        read(("None", "batch"), ["batch", None])
    assert "row 2, op: found a missing value" in str(caught.value)
    assert "keep_default_na=False" in str(caught.value)


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
    with pytest.raises(TableError, match="op: found nothing"):
        SPACE.point({"width": "w8"})


def test_costs_of_one_design():
    assert SPACE.costs((1, 1)) == {"macs": 5 + 2 + 30}
