"""The search: exact proposals, resuming, failures, budgets, and fewer queries than the baselines."""

import json
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from mathdesign.cli.main import app
from mathdesign.programs.base import Budget
from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import Slot, SlotObjective, SlotProblem, TableSum
from mathdesign.search import proposing
from mathdesign.search.evaluating import _value
from mathdesign.search.loop import LogError, Query, QueryFailed, SearchOptions, search
from mathdesign.search.proposing import WEIGHTS, every_point, objective_of, propose, weighted
from mathdesign.spaces.lists.named import nasbench201, nats_size
from mathdesign.surrogate.growing import normal_scores
from tests.surrogate.test_surrogate import landscape

FIVE = SearchOptions(5)


def problem_of(space, budgets=()):
    zero = TableSum(0.0, tuple(np.zeros(len(s.options)) for s in space.slots))
    return SlotProblem("x", space.slots, SlotObjective(zero), space.metrics, budgets)


@pytest.fixture(scope="module")
def case():
    space = nasbench201()
    problem = problem_of(space)
    points = every_point(problem)
    values = landscape(space, points)
    return space, problem, {tuple(map(int, p)): float(v) for p, v in zip(points, values)}


@pytest.mark.parametrize("space", [nasbench201(), nats_size()], ids=lambda s: s.name)
def test_proposals_are_the_best_unseen_feasible_designs(space):
    problem = problem_of(space, (Budget("macs", 60_000_000),))
    points = every_point(problem)
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(points))[:60]
    labels = rng.normal(size=60)
    seen = [tuple(map(int, p)) for p in points[rows]]
    found = propose(problem, space, points[rows], labels, seen, 5, seed=3)
    objective = objective_of(space, points[rows], normal_scores(labels), 3)
    open_ = problem.feasible_rows(points)
    open_[rows] = False
    sizes = [len(s.options) for s in space.slots]
    for point, weights in zip(found, WEIGHTS):
        values = np.where(open_, weighted(objective, *weights).at(points), -np.inf)
        at = np.ravel_multi_index(point, sizes)
        assert values[at] == pytest.approx(values.max(), abs=1e-9)
        open_[at] = False


def test_programs_and_enumeration_propose_the_same(monkeypatch):
    space = TableSpace("s", tuple(Slot(n, ("a", "b", "c")) for n in "pqrs"), {}, ("a",))
    problem = problem_of(space)
    points = every_point(problem)
    labels = landscape(space, points)[:30]
    seen = [tuple(map(int, p)) for p in points[:30]]
    at_once = propose(problem, space, points[:30], labels, seen, 3, 0)
    monkeypatch.setattr(proposing, "SCORED_AT_ONCE", 0)
    one_by_one = propose(problem, space, points[:30], labels, seen, 3, 0)
    objective = objective_of(space, points[:30], normal_scores(labels), 0)
    assert np.allclose(
        objective.at(np.array(at_once)), objective.at(np.array(one_by_one)), atol=2e-3
    )


def test_far_fewer_queries_than_random(case):
    space, problem, values = case
    best = max(values.values())
    needed = {}
    for method in ("models", "evolution", "random"):
        counts = [
            len(search(problem, space, values.__getitem__, SearchOptions(600, seed=s),
                       method=method, done=lambda q: q.value == best))
            for s in range(2)
        ]  # fmt: skip
        needed[method] = np.mean(counts)
    assert needed["models"] < 100 < needed["evolution"]
    assert needed["models"] < needed["random"] / 4


def test_a_search_goes_on_where_it_was_killed(case, tmp_path):
    space, problem, values = case
    options = SearchOptions(50, start=30, batch=5)
    whole = search(problem, space, values.__getitem__, options)

    class Killed(Exception):
        pass

    def dies_at(limit):
        def measure(point):
            if len(measured) == limit:
                raise Killed
            measured.append(point)
            return values[point]

        return measure

    for limit in (10, 13, 45, 47):
        log, measured = tmp_path / f"{limit}.jsonl", []
        with pytest.raises(Killed):
            search(problem, space, dies_at(limit), options, log=log)
        with log.open("a") as file:
            file.write('{"point": [0, ')  # the line that was being written
        rest = search(problem, space, values.__getitem__, options, log=log)
        assert rest == whole
        assert len(measured) == limit  # what was measured before the kill is not measured again


def test_failed_queries_are_recorded_and_survived(case, tmp_path):
    space, problem, values = case

    def measure(point):
        if sum(point) % 3 == 0:
            raise QueryFailed("out of memory")
        return float("nan") if sum(point) % 7 == 0 else values[point]

    found = search(problem, space, measure, SearchOptions(60), log=tmp_path / "log.jsonl")
    assert len({q.point for q in found}) == 60
    reasons = {q.reason for q in found if q.value is None}
    assert reasons == {"out of memory", "the value nan is not finite"}
    assert search(problem, space, measure, SearchOptions(60), log=tmp_path / "log.jsonl") == found


def test_every_measured_design_keeps_the_budgets(case):
    space, _, values = case
    problem = problem_of(space, (Budget("macs", 40_000_000),))
    for method in ("models", "random", "evolution"):
        found = search(problem, space, values.__getitem__, SearchOptions(70), method=method)
        assert problem.feasible_rows(np.array([q.point for q in found])).all()


def test_a_log_of_another_search_is_refused_by_what_differs(case, tmp_path):
    space, problem, values = case
    log = tmp_path / "log.jsonl"
    asked = {"target": "acc", "words": {"budgets": {"macs": 5}}}

    def again(options=FIVE, problem=problem, request=asked):
        return search(problem, space, values.__getitem__, options, log=log, request=request)

    found = again()
    before = log.read_bytes()
    assert again() == found
    tighter = problem_of(space, (Budget("macs", 40_000_000),))
    for change, what in (
        ({"request": {**asked, "target": "loss"}}, 'target "acc" \\(asked: "loss"'),
        ({"request": {"target": "acc"}}, "words"),
        ({"options": SearchOptions(5, seed=1)}, "seed 0 .asked: 1"),
        ({"options": SearchOptions(5, batch=2)}, "batch 5 .asked: 2"),
        ({"problem": tighter}, "space"),
    ):
        with pytest.raises(LogError, match=what):
            again(**change)
    assert log.read_bytes() == before
    assert len(again(SearchOptions(8))) == 8  # more queries are the same search


def test_designs_measured_elsewhere_are_told_by_what_they_are(case, tmp_path):
    """As many others are another search."""
    space, problem, values = case
    points = list(values)[:3]

    def again(known):
        log = tmp_path / "log.jsonl"
        return search(problem, space, values.__getitem__, FIVE, log=log, known=known)

    known = [Query(point, values[point], "", "table") for point in points]
    found = again(known)
    assert again(list(known)) == found
    others = [Query(point, values[point] + 1, "", "table") for point in points]
    for other in (others, known[::-1], known[:2], []):
        with pytest.raises(LogError, match="known"):
            again(other)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("nonsense", "not the request"),
        ('{"point": [0, 1], "value": 1.0, "reason": "", "proposed_by": "x"}', "not the request"),
        ("[" * 5000, "not the request"),
    ],
)
def test_what_is_no_log_is_left_as_it_is(case, tmp_path, line, what):
    space, problem, values = case
    log = tmp_path / "log.jsonl"
    log.write_text(line + "\n")
    with pytest.raises(LogError, match=what):
        search(problem, space, values.__getitem__, SearchOptions(5), log=log)
    assert log.read_text() == line + "\n"


@pytest.mark.parametrize(
    "line",
    [
        '{"point": [0], "value": 1.0, "reason": "", "proposed_by": "x", "after": 0, "place": 0}',
        '{"point": [0, 0, 0, 0, 0, 99], "value": 1, "reason": "", "proposed_by": "x", "after": 0, "place": 0}',
        '{"point": [0, 0, 0, 0, 0, 0], "value": Infinity, "reason": "", "proposed_by": "x", "after": 0, "place": 0}',
        '{"point": [0, 0, 0, 0, 0, 0], "value": 1, "reason": "", "proposed_by": "x", "after": 99, "place": 0}',
        "5",
    ],
)
def test_a_line_that_is_no_measurement_is_named(case, tmp_path, line):
    space, problem, values = case
    log = tmp_path / "log.jsonl"
    search(problem, space, values.__getitem__, SearchOptions(2), log=log)
    log.write_text(log.read_text() + line + "\n")
    with pytest.raises(LogError, match=r"log\.jsonl:4"):
        search(problem, space, values.__getitem__, SearchOptions(5), log=log)


def test_two_searches_on_one_log_are_told(case, tmp_path):
    space, problem, values = case
    log = tmp_path / "log.jsonl"

    def measure(point):
        with pytest.raises(LogError, match="another search is at work"):
            search(problem, space, values.__getitem__, SearchOptions(5), log=log)
        return values[point]

    assert len(search(problem, space, measure, SearchOptions(3), log=log)) == 3


KILLED = """
import json, os, sys, time
design = json.load(open(sys.argv[1]))
time.sleep(0.05)
with open("done.txt", "a") as file: file.write(json.dumps(design, sort_keys=True) + "\\n")
print(len(design["a"]) + int(design["b"]))
"""
KILLED_SPACE = """
space:
  family: slots
  slots:
    - {name: a, options: [x, yy, zzz, wwww, vvvvv]}
    - {name: b, options: [1, 2, 3, 4, 5, 6], ordered: true}
"""


def test_kills_lose_and_repeat_at_most_what_was_running(tmp_path):
    """Ten kills: what the log holds is never measured again; only running ones may be lost."""
    (tmp_path / "train.py").write_text(KILLED)
    (tmp_path / "own.yaml").write_text(KILLED_SPACE)
    code = (
        "import sys; from mathdesign.search import loop, evaluating as e\n"
        "from mathdesign.kinds.load import read_document, validated\n"
        "from mathdesign.spaces.lists.pose import pose\n"
        "from pathlib import Path\n"
        "p = pose(validated(read_document('own.yaml'), aimless=True))\n"
        "m = e.from_command(sys.executable + ' train.py {design}', p.space, Path('designs'), 60)\n"
        "print(len(loop.search(p.program, p.space, m, loop.SearchOptions(24, 24, 8, 2), "
        "log=Path('log.jsonl'), method='random')))\n"
    )
    command, lost = [sys.executable, "-c", code], 0
    for seconds in (0.3, 0.2, 0.5, 0.4, 0.3, 0.6, 0.2, 0.5, 0.3, 0.4):
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
        before = lines(tmp_path / "log.jsonl")
        end = time.monotonic() + 60
        while process.poll() is None and len(lines(tmp_path / "log.jsonl")) <= before.__len__():
            assert time.monotonic() < end
            time.sleep(0.02)
        time.sleep(seconds / 4)
        process.kill()
        process.wait()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "24", done.stderr
    logged = [json.loads(line) for line in lines(tmp_path / "log.jsonl")[1:]]
    assert len({tuple(q["point"]) for q in logged}) == len(logged) == 24
    measured = lines(tmp_path / "done.txt")
    lost = len(measured) - 24
    assert 0 <= lost <= 2 * 10  # two run at once, ten kills


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


SCRIPT = """
import json, sys
design = json.load(open(sys.argv[1]))
if design["op"] == "bad": sys.exit("no such layer")
print("epoch 1")
print(json.dumps({"value": int(design["depth"]) * 2 + (design["op"] == "conv")}))
"""
SPACE = """
space:
  family: slots
  slots:
    - {name: depth, options: [1, 2, 3, 4, 5], ordered: true, costs: {macs: [1, 2, 3, 4, 5]}}
    - {name: op, options: [conv, pool, bad], costs: {macs: [3, 1, 1]}}
    - {name: act, options: [relu, gelu]}
budgets: {macs: 7}
"""


def test_a_command_of_the_user_s_is_the_evaluator(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "own.yaml").write_text(SPACE)
    command = f"{sys.executable} train.py {{design}}"
    words = ["search", "--space", "own.yaml", "--evaluate", command, "--queries", "24"]
    words += ["--start", "12", "--out", "found", "--jobs", "2"]
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)["models"]
    assert document["best"] == 10 and document["costs"]["macs"] <= 7 and document["failed"] > 0
    log = pd.read_parquet("found/evaluations.parquet")
    assert log["reason"].str.contains("no such layer").sum() == document["failed"]
    assert json.loads((tmp_path / "found/best.json").read_text())["best"] == 10
    for bad in (["--evaluate", "train"], ["--table", "none.csv", "--target", "x"], []):
        words = ["search", "--space", "own.yaml", "--out", "bad", *bad]
        assert CliRunner().invoke(app, words).exit_code == 2


@pytest.mark.parametrize(
    ("output", "value"),
    [("1\n93.5\n\n", 93.5), ('{"value": 3}', 3.0), ("1e-3", 0.001), ('"7"', 7.0)],
)
def test_the_last_line_is_the_value(output, value):
    assert _value(output) == value


@pytest.mark.parametrize(
    "output", ["", "93.5%", "true", '{"value": true}', '"1_000"', "null", '{"loss": 1}', "9" * 5000]
)
def test_what_is_no_value_is_none(output):
    """Truth is no 1."""
    with pytest.raises(QueryFailed):
        _value(output)


def test_another_command_beside_the_same_table_is_another_search(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").write_text(FREE)
    (tmp_path / "t.csv").write_text("depth,op,acc\n1,conv,1\n2,pool,2\n")
    words = ["search", "--space", "own.yaml", "--table", "t.csv", "--target", "acc"]
    words += ["--queries", "2", "-o", "o", "--evaluate"]
    print_ = f"{sys.executable} -c 'print({{}})' {{{{design}}}}"
    found_by([*words, print_.format(3)])
    assert "evaluate" in found_by([*words, print_.format(4)], 2)
    assert "positions" in found_by([*words, print_.format(3), "--positions", "depth"], 2)


FREE = """
space:
  family: slots
  slots: [{name: depth, options: [1, 2, 3, 4, 5], ordered: true}, {name: op, options: [conv, pool]}]
"""


def found_by(words: list[str], code: int = 0) -> str:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == code, result.output
    return result.output


def test_a_search_without_costs_that_minimises(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "own.yaml").write_text(FREE)
    command = f"{sys.executable} train.py {{design}}"
    words = ["search", "--space", "own.yaml", "--evaluate", command, "--queries", "10"]
    out = found_by([*words, "--out", "low", "--minimise", "--json"])
    assert json.loads(out)["models"]["best"] == 2  # depth 1, pool
    assert json.loads(found_by([*words, "--out", "high", "--json"]))["models"]["best"] == 11


def test_minimising_is_maximising_the_negative(case):
    space, problem, values = case
    options = SearchOptions(60, 20, 5, seed=1)
    up = search(problem, space, values.__getitem__, options)
    least = SearchOptions(60, 20, 5, seed=1, minimise=True)
    down = search(problem, space, lambda point: -values[point], least)
    assert [q.point for q in up] == [q.point for q in down]
    assert options.best(up).point == least.best(down).point


def test_measured_rows_are_the_start_and_are_not_asked_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "own.yaml").write_text(FREE)
    (tmp_path / "old.csv").write_text("depth; op ;y\n1;conv;3\n2;conv;5\n1;pool;2\n")
    words = ["search", "--space", "own.yaml", "--table", "old.csv", "--target", "y", "--out", "r"]
    words += ["--evaluate", f"{sys.executable} train.py {{design}}", "--queries", "7", "--json"]
    document = json.loads(found_by(words))["models"]
    assert document["best"] == 11 and document["queries"] == 7
    log = [json.loads(line) for line in (tmp_path / "r/evaluations.jsonl").read_text().splitlines()]
    asked = {tuple(line["point"]) for line in log if "point" in line}
    assert len(asked) == 7 and not asked & {(0, 0), (1, 0), (0, 1)}
    other = [w.replace("train.py", "other.py") for w in words]
    assert "the log of another search: evaluate" in found_by([*other, "--queries", "8"], 2)
    # without a command, the table cannot answer: said before anything is asked
    words = ["search", "--space", "own.yaml", "--table", "old.csv", "--target", "y", "--out", "s"]
    text = found_by(words, 2)
    assert "3 of the 10 designs" in text and "--evaluate" in text and not (tmp_path / "s").exists()
