"""A table's frame: typed columns in a fixed order, units in the names."""

from mathdesign.tables.frame import ANSWER, COLUMNS, LEADING, make_frame


def two_rows() -> dict[str, list[object]]:
    missing: dict[str, list[object]] = {name: [None, None] for name in COLUMNS}
    return missing | {
        "name": ["a", "b"], "status": ["optimal", "infeasible"], "reason": [None, "macs: too few"],
        "macs": [2**60 + 1, None], "objective": [1.5, None],
    }  # fmt: skip


def test_columns_come_in_order_with_the_grid_in_the_middle():
    table = make_frame(two_rows(), [{"budgets.macs": 5}, {}], ["budgets.macs"])
    assert list(table.columns) == [*LEADING, "budgets.macs", *ANSWER]
    assert {name: str(table[name].dtype) for name in COLUMNS} == dict(COLUMNS)


def test_counts_stay_exact_where_values_are_missing():
    table = make_frame(two_rows(), [{}, {}], [])
    assert table["macs"][0] == 2**60 + 1 and table["macs"].isna()[1]


def test_grid_columns_take_the_type_of_their_values_and_name_their_unit():
    settings = [
        {"solve.time_limit": 1.5, "budgets.macs": 7, "objective.x": True, "space.family": "basic"},
        {"solve.time_limit": 2, "budgets.macs": None, "objective.x": False, "space.family": 3},
    ]
    table = make_frame(two_rows(), settings, list(settings[0]))
    types = {name: str(table[name].dtype) for name in list(table.columns)[3:7]}
    assert types == {
        "solve.time_limit_s": "float64", "budgets.macs": "Int64",
        "objective.x": "boolean", "space.family": "string",
    }  # fmt: skip


def test_integers_beyond_64_bits_are_told_by_their_digits():
    for values in ([10**30, 7], [10**400, 0.5], [-(2**63) - 1, None]):
        settings = [{"budgets.macs": value} for value in values]
        table = make_frame(two_rows(), settings, ["budgets.macs"], settings)
        assert table["budgets.macs"][0] == table["metric.budgets.macs"][0] == str(values[0])
