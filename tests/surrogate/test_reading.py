"""Tables as others write them; messages name the cell and the cure."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import mathdesign
from mathdesign.cli.main import app
from mathdesign.programs.slot_space import TableError, TableSpace
from mathdesign.programs.slots import Slot
from mathdesign.spaces.lists.named import nasbench201, nats_size
from mathdesign.surrogate.fit import fitted, sample_of
from mathdesign.surrogate.reading import example, numbers_of, read_frame, with_slots


def written(tmp_path, text: str, name: str = "t.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_frame(path)


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_separators_headers_and_marks_of_order(tmp_path, mark):
    frame = written(
        tmp_path, mark.join(["\ufeff a ", " val acc "]) + "\n" + mark.join(["1", "93.5"])
    )
    assert list(frame.columns) == ["a", "val acc"] and frame["val acc"].tolist() == [93.5]


def test_words_that_readers_take_for_missing_stay_words(tmp_path):
    frame = written(tmp_path, "op,norm,n\nnone,NA,1\nskip,,2\n")
    assert frame["op"].tolist() == ["none", "skip"] and frame["norm"].tolist() == ["NA", ""]
    assert frame["n"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1,234.5", "12", "1,000"], [1234.5, 12, 1000]),
        (["93.4%", "93 %"], [93.4, 93]),
        (["93,41", "1,5"], [93.41, 1.5]),
        (["93,412", "0,123"], [93.412, 0.123]),
        (["1,2345", "2,5 "], [1.2345, 2.5]),
        (["1,234", "1,234,567"], [1234, 1234567]),
        (["93,41%", "5%"], [93.41, 5]),
        (["1:02:03", "2:30", "1.5 min", "30 ms", "1 h"], [3723, 150, 90, 0.03, 3600]),
        (["1e-3", "-2"], [0.001, -2]),
    ],
)
def test_numbers_as_people_write_them(cells, values):
    assert numbers_of(pd.DataFrame({"x": cells}), "x").tolist() == pytest.approx(values)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["1", "n/a"], "row 2, x: found 'n/a'; accepted: a number"),
        (["1", ""], "row 2, x: found ''"),
        (["93%", "0.93"], "row 1 has %, row 2 has no unit"),
        (["1 s", "200"], "row 1 has seconds, row 2 has no unit"),
        (["1,2,3"], "row 1, x: found '1,2,3'"),
        (["5", "93,412%"], "row 2, x: found '93,412%', which is 93.412 or 93412; write the column"),
        (["?"] * 9, "4 more wrong cells"),
    ],
)
def test_wrong_cells_are_named_with_the_cure(cells, words):
    with pytest.raises(TableError) as error:
        numbers_of(pd.DataFrame({"x": cells}), "x")
    assert words in str(error.value)


def test_architecture_strings_of_the_benchmarks():
    cell = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|none~2|"
    space = nasbench201()
    frame = with_slots(pd.DataFrame({"arch_str": [cell], "acc": ["91%"]}), space)
    slots = ("e01", "e02", "e12", "e03", "e13", "e23")
    assert [frame[s][0] for s in slots] == [
        "nor_conv_3x3", "none", "skip_connect", "avg_pool_3x3", "nor_conv_1x1", "none",
    ]  # fmt: skip
    sizes = with_slots(pd.DataFrame({"arch": ["64:64:32:16:8"]}), nats_size())
    assert [sizes[f"c{k}"][0] for k in range(1, 6)] == ["64", "64", "32", "16", "8"]
    for space in (nasbench201(), nats_size()):
        assert space.points(with_slots(pd.DataFrame({"x": [example(space)]}), space)).shape[0] == 1


def test_strings_that_name_no_design_are_named():
    with pytest.raises(TableError, match=r"row 2, a: found '64:64:32:16:7'; accepted: .*mend"):
        with_slots(pd.DataFrame({"a": ["64:64:32:16:8", "64:64:32:16:7"]}), nats_size())
    with pytest.raises(TableError, match=r"columns y; accepted: a column for each slot"):
        with_slots(pd.DataFrame({"y": [1.0]}), nats_size())


def test_a_sample_from_strings(tmp_path):
    rng = np.random.default_rng(0)
    rows = [":".join(map(str, 8 * rng.integers(1, 9, 5))) for _ in range(30)]
    text = "Arch ; Val Acc\n" + "".join(f"{row};{50 + k},{k}%\n" for k, row in enumerate(rows))
    frame = written(tmp_path, text)
    sample = sample_of(frame, nats_size(), "Val Acc", "mean")
    assert sample.labels[0] == 50.0 and sample.labels[1] == 51.1
    with pytest.raises(TableError, match="did you mean Val Acc"):
        sample_of(frame, nats_size(), "val acc")


OPTIONS = ("None", "NA", "", "true", "false", "1.50", "1.5", "007", "null", "N/A")


def test_options_that_readers_take_for_something_else_stay_themselves(tmp_path):
    """Through the file and through its Parquet twin: each option is itself, at its own position."""
    space = TableSpace("one", (Slot("op", OPTIONS), Slot("n", ("1", "0"))), {})
    frame = written(tmp_path, "op,n\n" + "".join(f"{o},{k % 2}\n" for k, o in enumerate(OPTIONS)))
    expected = [[k, 1 - k % 2] for k in range(len(OPTIONS))]
    assert space.points(with_slots(frame, space)).tolist() == expected
    frame.to_parquet(tmp_path / "t.parquet")
    assert space.points(read_frame(tmp_path / "t.parquet")).tolist() == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b,acc\n1,2,3,4\n5,6,7,8\n", "row 1 has 4 cells, the header 3; row 2"),  # an index?
        ("a,b,acc\n1,2,3,\n", "row 1 has 4 cells"),
        ("a,b,acc\n1,2,3\n\n1,2\n", "row 2 has 2 cells, the header 3; mend or drop"),
        ("a\n" + "1,2\n" * 9, "4 more such rows"),
        ("a,a\n1,2\n", "the column 'a' twice"),
        ("a, a\n1,2\n", "the column 'a' twice"),
        ('a,b\n1,"2\n3,4\n', "end of data"),
        ('a,b\n1,"2"3\n', "expected after"),
        ("", "empty"),
        ("a,b\n1," + "x" * 200_000, "field larger"),
    ],
)
def test_rows_that_readers_shift_or_fill_are_refused(tmp_path, text, words):
    with pytest.raises(ValueError, match=words):
        written(tmp_path, text)


def test_what_files_hold_otherwise(tmp_path):
    frame = written(tmp_path, ',a,"b, c"\r\n0,x,"1, 2"\r\n\r\n1,"y\nz",3\r\n')
    assert frame.to_dict("list") == {
        "Unnamed: 0": [0, 1], "a": ["x", "y\nz"], "b, c": ["1, 2", "3"],
    }  # fmt: skip
    assert list(written(tmp_path, "a,b\n").columns) == ["a", "b"]
    with pytest.raises(TableError, match="the column 'c1' twice"):
        with_slots(pd.DataFrame([[1, 2]], columns=["c1", " c1"]), nats_size())


def test_the_column_that_names_the_designs_is_one():
    frame = pd.DataFrame({"arch": ["8:8:8:8:8"], "parent": ["64:8:8:8:8"], "acc": [1.0]})
    with pytest.raises(TableError, match="designs in several columns: arch, parent; keep one"):
        with_slots(frame, nats_size())


def test_one_slot_is_no_string():
    """A column of labels that look like options is no column of designs."""
    space = TableSpace("one", (Slot("depth", ("1", "2"), (1.0, 2.0)),))
    with pytest.raises(TableError, match="no column 'depth'"):
        space.points(with_slots(pd.DataFrame({"acc": ["1", "2"]}), space))


def test_strings_of_positions_where_they_are_asked_for():
    frame = pd.DataFrame({"arch": ["0:1:2:3:7"]})
    every = tuple(slot.name for slot in nats_size().slots)
    found = with_slots(frame, nats_size(), every)
    assert nats_size().points(found, every).tolist() == [[0, 1, 2, 3, 7]]
    with pytest.raises(TableError, match="no design in the table"):
        with_slots(frame, nats_size())


@pytest.mark.parametrize("order", ["[1, 0]", "[0, 1]"])
def test_two_readings_of_one_cell(tmp_path, monkeypatch, order):
    """Accuracy is 5 se + w: the best has se 1, whichever option stands first; 1.0 is 1."""
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{se}.0,{w},{5 * se + w}\n" for se in (0, 1) for w in range(1, 11))
    frame = written(tmp_path, "se,w,acc\n" + rows.replace("0.0,1,", "0,1.0,"))
    spec = mathdesign.loads(
        f"space: {{family: slots, slots: [{{name: se, options: {order}}},"
        " {name: w, options: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], ordered: true}]}\n"
        "objective: {predictor: m}\n"
    )
    space = spec.table_space()
    fitted(sample_of(frame, space, "acc"), space, "acc", model="tables").predictor.save(
        tmp_path / "m"
    )
    best = mathdesign.design(spec)
    assert best.network.options == {"se": "1", "w": "10"}
    assert best.figures["predictor"]["predicted"] == pytest.approx(15, abs=0.5)


def test_positions_at_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space = nasbench201()
    rng = np.random.default_rng(0)
    coded = pd.DataFrame(rng.integers(0, 5, (40, 6)), columns=[s.name for s in space.slots])
    coded["acc"] = rng.normal(size=40)
    coded.to_csv("t.csv", index=False)
    words = ["fit", "--table", "t.csv", "--space", "nasbench201", "--target", "acc", "-o", "m"]
    words += ["--model", "tables"]
    refused = CliRunner().invoke(app, words)
    assert refused.exit_code == 2 and "--positions e01" in refused.output
    assert CliRunner().invoke(app, [*words, "--positions", "all"]).exit_code == 0
    wrong = CliRunner().invoke(app, [*words, "--positions", "e10"])
    assert wrong.exit_code == 2 and "did you mean e1" in wrong.output
