"""The table of our own: any prefix is balanced, a killed run goes on, rows are counted again."""

import runpy
from collections import Counter
from types import SimpleNamespace

import pytest
import torch

from mathdesign.evidence.recipes import ImageRecipe
from mathdesign.validators.training.recipe import TrainingOptions
from tests.places import ROOT

torch.set_num_threads(1)
TABLE = SimpleNamespace(**runpy.run_path(str(ROOT / "benchmarks" / "cifar_table.py")))
PUBLISHED = ROOT / "benchmarks" / "data" / "cifar16.csv"


@pytest.fixture(scope="module")
def drawn():
    return list(TABLE.networks(2 * TABLE.ROUND, seed=0))


@pytest.fixture(scope="module")
def recipe():
    return ImageRecipe("digits", 3, TABLE.SIZE, 10, 150, TrainingOptions(epochs=1, batch_size=32))


def without_clock(text):
    return [{**row, "seconds": ""} for row in TABLE.read(text)]


def test_any_prefix_is_balanced(drawn):
    for end in range(1, len(drawn) + 1):
        families = Counter(c.group for c in drawn[:end])
        budgets = Counter(c.note for c in drawn[: end - end % len(TABLE.FAMILIES)])
        assert max(families.values()) - min(families[f] for f in TABLE.FAMILIES) <= 1
        assert max(budgets.values(), default=0) - min(budgets[str(b)] for b in TABLE.BUDGETS) <= 4
    both = Counter((c.group, c.note) for c in drawn)
    assert set(both.values()) == {2} and len(both) == TABLE.ROUND


def test_networks_are_those_of_their_place_fill_their_budget_and_differ(drawn):
    fewer = list(TABLE.networks(TABLE.ROUND, seed=0))
    assert fewer == drawn[: TABLE.ROUND] != list(TABLE.networks(TABLE.ROUND, seed=1))
    for candidate in drawn:
        assert 0.9 <= TABLE.macs(candidate.network) / int(candidate.note) <= 1
    assert len({(c.group, c.network.point) for c in drawn}) == len(drawn)


def test_a_ninth_is_trained_twice_of_every_family_and_budget(drawn):
    block = drawn[: TABLE.ROUND] * TABLE.REPEATED
    (once, first), (again, second) = TABLE.plan(block)
    assert (len(once), first, len(again), second) == (len(block), 0, TABLE.ROUND, 1)
    assert len({(c.group, c.note) for c in again}) == TABLE.ROUND


def test_a_killed_run_goes_on_to_the_same_table(drawn, recipe, tmp_path):
    some = drawn[1:3]
    whole = TABLE.table_of(TABLE.trained(some, recipe, tmp_path / "whole"), some)
    assert [(r["network"], r["seed"]) for r in TABLE.read(whole)] == [
        ("net0001", "0"), ("net0001", "1"), ("net0002", "0"),
    ]  # fmt: skip

    def killed(done, total):
        assert total == 3
        if done == 2:
            raise SystemError

    folder = tmp_path / "killed"
    with pytest.raises(SystemError):
        TABLE.trained(some, recipe, folder, tell=killed)
    assert len(list((folder / "runs").iterdir())) == 2
    so_far = TABLE.trained(some, recipe, folder, should_stop=lambda: True)
    assert [run.candidate for run in so_far] == ["net0001", "net0002"]
    counts = []
    runs = TABLE.trained(some, recipe, folder, tell=lambda done, total: counts.append(done))
    assert min(counts) == 2 and max(counts) == 3
    assert without_clock(TABLE.table_of(runs, some)) == without_clock(whole)


CELLS = "a,basic,1000000,1,8,,3,1,8,,3,1,40,,3,21882,945552,42.347,1.43333,0,10.0"
GOOD = dict(zip(TABLE.COLUMNS, CELLS.split(",")))


@pytest.mark.parametrize(
    ("column", "cell", "told"),
    [
        ("params", "21883", "params 21883, counted 21882"),
        ("width2", "8", "do not fill a budget of 1,000,000"),
        ("budget", "2000000", "do not fill a budget of 2,000,000"),
        ("family", "bottleneck", "bottleneck"),
        ("kernel1", "", "ValueError"),
        ("accuracy", "142", "accuracy 142"),
        ("loss", "nan", "loss nan"),
    ],
)
def test_a_doctored_row_is_refused(column, cell, told):
    text = TABLE.written([GOOD, GOOD])
    assert TABLE.read(text) == [GOOD, GOOD]
    with pytest.raises(ValueError, match=r"^row 2: ") as refused:
        TABLE.read(TABLE.written([GOOD, {**GOOD, column: cell}]))
    assert told in str(refused.value)


def test_the_spread_of_seeds_knows_nothing_of_what_they_share():
    cells = [("a", "0", 40), ("b", "0", 44), ("c", "0", 42), ("a", "1", 42), ("b", "1", 44)]
    rows = [{**GOOD, "network": n, "seed": s, "accuracy": str(a)} for n, s, a in cells]
    assert TABLE.spreads(rows) == pytest.approx((2, 1))


def test_a_row_cut_short_is_refused():
    with pytest.raises(ValueError, match="row 1"):
        TABLE.read(TABLE.written([GOOD]).rsplit(",", 9)[0])


def test_without_data_it_says_so(monkeypatch):
    monkeypatch.setattr("sys.argv", ["cifar_table.py", "--data", "nowhere.parquet"])
    with pytest.raises(SystemExit, match="no data at nowhere"):
        TABLE.main()


@pytest.mark.skipif(
    not PUBLISHED.exists(), reason="benchmarks/data/cifar16.csv is not measured yet"
)
def test_the_published_table_holds():
    rows = TABLE.read(PUBLISHED.read_text(encoding="utf-8"))
    once = Counter((r["family"], r["budget"]) for r in rows if r["seed"] == "0")
    assert sum(once.values()) >= 300 and max(once.values()) - min(once.values()) <= 1
    assert len({(r["network"], r["seed"]) for r in rows}) == len(rows)
