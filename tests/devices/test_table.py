"""Tables are read exactly, written byte for byte, and everything wrong with one is told at once."""

from decimal import Decimal
from fractions import Fraction

import pytest

from mathdesign.devices.header import Header
from mathdesign.devices.operators import convolution, plain
from mathdesign.devices.prices import priced
from mathdesign.devices.table import read_table, table_of, table_text, write_table
from mathdesign.spec.faults import SpecError

CONV = "conv-3x224x224-32-k3x3-s2x2"
HEAD = "# mathdesign latency table 1\n# unit: ms\n"


def table(rows: str, head: str = HEAD) -> str:
    return f"{head}operator,latency,spread,runs\n{rows}"


def faults(text: str | bytes) -> list[str]:
    with pytest.raises(SpecError) as caught:
        table_of(text, "t.csv")
    return [str(fault) for fault in caught.value.faults]


def test_decimals_become_whole_nanoseconds_rounded_up_and_it_is_said():
    found = table_of(table(f"{CONV},1.2500001,0.03,50\nadd-8x7x7,0.25,,\nbase,1e-3,,\n"), "t.csv")
    assert found.rows[CONV].cost == 1_250_001
    assert found.rows[CONV].spread == 30_000 and found.rows[CONV].runs == 50
    assert found.rows["add-8x7x7"].cost == 250_000 and found.base == 1_000
    assert found.rounded == 1
    assert found.most_rounded == (1_250_001 - Fraction("1250000.1")) / Fraction("1250000.1")
    assert "1 of 3 costs rounded up to whole ns" in next(found.notes())


@pytest.mark.parametrize(
    ("unit", "text", "steps"),
    [("s", "0.5", 5 * 10**8), ("us", "1.0001", 1001), ("ns", "7", 7), ("ns", "7.01", 8),
     ("min", "1", 6 * 10**10), ("ms", "0.0000001", 1), ("ms", "0", 0), ("ms", "2.5E1", 25 * 10**6),
     ("ms", "3." + "0" * 40, 3 * 10**6), ("ms", "0.100000000000000005", 100_001)],
)  # fmt: skip
def test_units(unit, text, steps):
    found = table_of(table(f"{CONV},{text},,\n", HEAD.replace("ms", unit)), "t.csv")
    assert found.rows[CONV].cost == steps


def test_energy_has_its_own_title_and_units():
    head = "# mathdesign energy table 1\n# unit: mJ\n"
    found = table_of(f"{head}operator,energy\n{CONV},0.25\n", "e.csv")
    assert found.header.quantity == "energy" and found.rows[CONV].cost == 250_000_000  # pJ
    (fault,) = faults(f"{head.replace('mJ', 'ms')}operator,energy\n{CONV},1\n")
    assert "unit 'ms'" in fault and "uJ" in fault


def test_everything_wrong_is_told_at_once_with_its_line():
    rows = (
        f"{CONV},1,,\nadd-8x7x7,-1,,\nadd-8x7x8,nan,,\nadd-8x7x9,inf,,\nadd-8x8x8,1 ms,,\n"
        f"{CONV},2,,\nwrong key,1,,\nadd-9x9x9,,,\nadd-9x9x8,1\nadd-1x1x1,1,,few\nadd-2x2x2,1e90,,\n"
    )
    found = faults(
        table(rows, "# mathdesign latency table 1\n# dtype: fp32\n# threads: 0\n# unitt: ms\n")
    )
    said = "\n".join(found)
    for words in (
        "t.csv:1:1: found no unit; accepted: a line `# unit: ...` of s, ms",
        "t.csv:2:1: found dtype 'fp32'; accepted: float64, float32", "did you mean float32?",
        "t.csv:3:1: found threads '0'", "t.csv:4:1: found the field 'unitt'", "did you mean unit?",
        "t.csv:7:1: found latency '-1', a negative number",
        "t.csv:8:1: found latency 'nan', no number (NaN)",
        "t.csv:9:1: found latency 'inf', no finite number",
        "t.csv:10:1: found latency '1 ms'", "a decimal from 0 on, without a unit",
        f"t.csv:11:1: found {CONV} again, with another cost than in line 6",
        "t.csv:12:1: found the key 'wrong key'", "slot:option, or base",
        "t.csv:13:1: found latency '', nothing", "t.csv:14:1: found 2 cells; accepted: 4",
        "t.csv:15:1: found runs 'few'", "t.csv:16:1: found latency '1e90'",
    ):  # fmt: skip
        assert words in said, words
    assert len(found) == 14


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "an empty file"), ("\n\n", "an empty file"), (HEAD, "no line of columns"),
        (table(""), "no rows"), ("operator,latency\nadd-1x1x1,2\n", "first line"),
        (HEAD + "op,ms\nadd-1x1x1,2\n", "the columns operator,latency"),
        (HEAD.replace("table 1", "table 2") + "operator,latency\nadd-1x1x1,2\n", "first line"),
        (b"\xff\xfe\x00", "no UTF-8"), (table("add-1x1x1,1,,\n", HEAD + "# unit: s\n"), "unit twice"),
        (table("add-1x1x1,1,,\n", HEAD.replace("ms", "MS")), "did you mean ms?"),
    ],
)  # fmt: skip
def test_what_is_no_table(text, words):
    assert words in "\n".join(faults(text))


def test_faults_are_capped_and_the_rest_is_not_read():
    found = faults(table("add-1x1x1,-1,,\n" * 5000))
    assert len(found) == 1001 and "the rest is not read" in found[-1]


def test_equal_rows_twice_are_one():
    assert len(table_of(table(f"{CONV},1,,\n{CONV},1.0,,\n"), "t.csv").rows) == 1


def test_options_of_slots_are_keys():
    found = table_of(
        table("layer3:k5_e6,0.81,,\nconv 1:none,1,,\n").replace("conv 1", "conv1"), "t"
    )
    assert set(found.rows) == {"layer3:k5_e6", "conv1:none"}
    assert set(table_of(table("a:3 by 3,1,,\n"), "t").rows) == {"a:3 by 3"}
    for wrong in ("a:b ", "a: b", "a:b:c", ":b", "a:", "a b:c"):
        assert f"the key {wrong!r}" in faults(table(f"{wrong},1,,\n"))[0]


def test_written_tables_are_read_back(tmp_path):
    header = Header("latency", "ms", "a board", "torch", 2, "int8", 4, "2026-11-29", "x", "IQR")
    rows = {CONV: (0.1, Decimal("0.003"), 5), "add-8x7x7": (Fraction(1, 8), None, None),
            "layer1:k3": (3, 0.5, 1), "add-8x7x8": (1e-7, None, None)}  # fmt: skip
    path = write_table(tmp_path / "sub" / "t.csv", header, rows)
    found = read_table(path)
    assert found.header == header
    assert [row.cost for row in found.rows.values()] == [100_000, 125_000, 3_000_000, 1]
    assert table_text(header, rows) == path.read_text()
    for bad in (float("nan"), -1.0, float("inf")):
        with pytest.raises(ValueError, match="finite number"):
            table_text(header, {CONV: (bad, None, None)})
    with pytest.raises(ValueError, match="the key"):
        table_text(header, {"no key": (1, None, None)})


# ---- looking up ----------------------------------------------------------------------------------


def conv(c_in, c_out, kernel=3, size=7):
    return convolution(c_in, size, size, c_out, kernel)


def measured(costs) -> object:
    rows = {op.key: (cost, None, None) for op, cost in costs.items()}
    return table_of(table_text(Header("latency", "ns"), rows), "t.csv")


def test_all_that_is_missing_is_listed_unless_it_is_interpolated():
    found = measured({conv(8, 16): 100, conv(8, 32): 300, conv(24, 16): 500, conv(24, 32): 1100})
    asked = [conv(8, 16), conv(8, 20), conv(16, 16), conv(16, 20), conv(8, 40), conv(8, 16, 5)]
    plain_prices = priced(found, asked)
    assert list(plain_prices.missing) == [op.key for op in asked[1:]]
    assert plain_prices.costs == {conv(8, 16): 100}
    made = priced(found, asked, interpolate=True)
    assert made.costs[conv(8, 20)] == 150 and made.costs[conv(16, 16)] == 300
    assert made.costs[conv(16, 20)] == 400  # (3/4 (100 + 500) + 1/4 (300 + 1100)) / 2
    assert [i.key for i in made.interpolated] == [op.key for op in asked[1:4]]
    assert made.interpolated[0].between == (conv(8, 16).key, conv(8, 32).key)
    assert "8 to 24 in, 16 to 32 out" in made.missing[conv(8, 40).key]
    assert "was measured" in made.missing[conv(8, 16, 5).key]


def test_interpolation_is_rounded_up_and_keeps_everything_else_fixed():
    rows = {plain("add", 8, 7, 7): 10, plain("add", 11, 7, 7): 20, plain("add", 8, 8, 8): 5}
    made = priced(measured(rows), [plain("add", 9, 7, 7), plain("add", 9, 8, 8)], interpolate=True)
    assert made.costs == {plain("add", 9, 7, 7): 14}  # 13.33
    groups = {convolution(c, 7, 7, c, 3, groups=c // 8): c * 10 for c in (16, 64)}
    other = convolution(32, 7, 7, 32, 3, groups=2)
    asked = [convolution(32, 7, 7, 32, 3, groups=4), other]
    made = priced(measured(groups), asked, interpolate=True)
    assert made.costs == {asked[0]: 320} and list(made.missing) == [other.key]


def test_prices_add_up():
    found = table_of(table(f"{CONV},1,,\nadd-8x7x7,2,,\nbase,0.5,,\n"), "t.csv")
    ops = [convolution(3, 224, 224, 32, 3, 2), plain("add", 8, 7, 7), plain("add", 8, 7, 7)]
    assert priced(found, ops).total(ops) == 5_500_000
