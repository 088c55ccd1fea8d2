"""A table of options: what budgets of lists read is the sum over the operators of a network."""

import pytest

import mathdesign
from mathdesign.devices.header import Header
from mathdesign.devices.operators import parse_key
from mathdesign.devices.table import read_table, write_table
from mathdesign.devices.timing import Timing
from mathdesign.kinds import kind_of_spec
from mathdesign.measuring.judging import MissingOperators, predict
from mathdesign.measuring.options import beside, write_options

HEADER = Header("latency", "us", "a board")
SPEC = "space: {family: fbnet}\nobjective: {metric: macs}\nsolve: {gap: 1%}\n"


def timing(operator):
    return Timing((1000 + operator.macs // 1000) * 1e-9, 0.1, 5)


def test_designs_under_a_table_of_options_take_what_their_operators_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = mathdesign.loads(SPEC)
    kind = kind_of_spec(spec)
    options = kind.option_operators(kind.pose(spec))
    rows = {o.key: timing(o) for lists in options.values() for own in lists for o in own}
    place = beside(tmp_path / "cpu.csv")
    assert place.name == "cpu.options.csv" and write_options(place, HEADER, options, rows) == []
    write_table("cpu.csv", HEADER, {k: (t.seconds * 1e6, None, None) for k, t in rows.items()})
    text = f"{SPEC}budgets: {{latency: {{max: 0.3 ms, table: cpu.options.csv}}}}\n"
    design = mathdesign.design(mathdesign.loads(text))
    network = {"it": design.network}
    by_options = predict(kind, network, read_table(place), interpolate=False)["it"][0]
    by_operators = predict(kind, network, read_table("cpu.csv"), interpolate=False)["it"][0]
    # Each operator is rounded up to a nanosecond in one table, each option in the other.
    assert 0 <= by_operators - by_options <= 1e-9 * len(kind.operators(design.network))
    assert design.metrics["latency"] == pytest.approx(by_options * 1e9, rel=1e-9)
    few = read_table(place)
    slot, option = next(iter(design.network.options.items()))
    del few.rows[f"{slot}:{option}"]
    with pytest.raises(MissingOperators, match=f"1 options have no cost:\n{slot}:{option}"):
        predict(kind, network, few, interpolate=False)


def test_the_dearest_counts_and_what_misses_operators_is_left_out(tmp_path):
    a, b, c = (parse_key(f"add-{n}x2x2") for n in (1, 2, 3))
    rows = {a.key: Timing(1e-6, 0.1, 5), b.key: Timing(3e-6, 0.1, 4)}
    options = {"base": [[a]], "s:x": [[a, a], [b]], "s:y": [[c]], "s:none": [[]]}
    assert write_options(tmp_path / "o.csv", HEADER, options, rows) == ["s:y"]
    found = {key: row.cost for key, row in read_table(tmp_path / "o.csv").rows.items()}
    assert found == {"base": 1000, "s:x": 3000, "s:none": 0}
