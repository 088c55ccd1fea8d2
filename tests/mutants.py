"""Files that are nearly right: what a slip of the hand, a bad disk or malice makes of a good one.

Each room is a kind of file: good ones, and the commands that read it. A mutant must end in a
documented exit status, without a traceback, and leave no file behind where it was refused. Used by
``tests/test_mutants.py`` (some thousands) and ``benchmarks/mutants.py`` (ten thousand of each).
"""

import contextlib
import copy
import json
import os
import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import typer
from typer.testing import CliRunner

from mathdesign.cli.main import app
from mathdesign.tables.workers import InProcess

COMMAND: Any = typer.main.get_command(app)
DOCUMENTED = range(7)
#: Exit statuses after which nothing new may lie in the folder.
REFUSED = (1, 2)
LONGEST_S = 20.0

SPECS = {
    "chain": """\
version: 1
name: tiny
space:
  family: basic
  input: {channels: 1, size: 8}
  classes: 10
  stem: {width: [8, 16], kernel_size: 3}
  stages:
    - {stride: 1, width: [16, 24], kernel_size: 3, depth: 1..2}
    - {stride: 2, width: 16..32/8, kernel_size: [3, 5], depth: 1..2}
  rules: {monotone_width: true, growth: 2.5}
objective: {entropy: {variant: tinynas, weights: [1, 8]}, metric_weights: {macs: 0.001}}
budgets: {macs: {min: 10, max: 4M}, params: 60k, effectiveness: 3}
rows: [{name: own, sum: {stage1: 2 * depth * width}, max: 100}]
counting: macs
solve: {backend: auto, gap: 0.1%, time_limit: 5 s, memory_limit: 1 GiB}
validate: {data: digits, size: 8, epochs: 1}
""",
    "inverted": """\
space: {family: inverted_residual, input: {size: 16}, classes: 5, stages: [{stride: 2, width: [8, 16],
  expansion: [2, 3], kernel_size: [3, 5], depth: 1..2, squeeze_excitation: true}], head: {width: 32}}
budgets: {macs: 3M}
""",
    "slots": """\
space:
  family: slots
  slots:
    - {name: a, options: [1, 2, 4], ordered: true, costs: {macs: [1, 2, 4], mem: [3, 2, 1]}}
    - {name: b, options: [conv, "no", 3], costs: {macs: [5, 6, 7]}}
  without: {b: [conv]}
objective: {metric: macs}
budgets: {macs: 9, mem: {min: 1, max: 3}}
""",
    "decoder": """\
name: lm
space:
  family: decoder_lm
  vocabulary: 64
  context: 32
  stacks:
    - {width: 16..32/16, depth: 1..2, head_size: 8, heads: [1, 2], kv_heads: [1, 2], ffn_ratio: [1.5, 2]}
at: {length: 16, batch: 2}
linear_metrics: [{name: latency, terms: {params: 0.5, constant: 3}}]
budgets: {params: 100k, kv_cache_bytes: 20k, latency: 1M}
""",
    "vit": """\
space: {family: vit, classes: 4, image: {size: [16, 32], patch: 8}, stacks: [{width: 16, depth: 2,
  heads: [1, 2], ffn: 16..32/8, attention: [softmax, linear], layers: shared}]}
objective: {metric: params, minimise: true}
""",
}  # fmt: skip

SWEEP = """\
version: 1
base: base.yaml
grid: {budgets.macs: [8, 9], solve.gap: [0, 1%]}
rows: [{name: own, budgets.mem: 2}, {name: table.csv, budgets.macs: 7}]
pareto: [macs, objective]
"""

HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 7, 1000, 65536, 2**20, 2**31, 2**53 + 1, 2**63, 10**30, 10**400,
    0.5, -0.0, 1e-320, 1e308, float("inf"), float("nan"), "", " ", "x", "many", "1,5M", "1e400", "9" * 400,
    "1..4096", "1..65536", "65535..65536", "1..9/0", "é", "\ud800", "\u2028", "a\nb", "=1+1", "../x",
    "x" * 5000, "x.y", "basic", "slots", "vit", "decoder_lm", "macs", "params", [], {}, [[]], [{}], [None],
    [1], [1, 1], ["x"], {"x": 1}, {"min": 5, "max": 1}, {"": ""}, [0] * 300, {"1": {"1": {"1": 1}}},
)  # fmt: skip
TOKENS = (
    b"&a ", b"*a", b"!!python/object:os.system ", b"!!int ", b"{", b"}", b"[", b"]", b": ", b"- ", b"#", b"'", b'"',
    b"\x00", b"\xff", b"\xed\xa0\x80", b"\n", b"\t", b"%YAML 1.1\n---\n", b"...\n", b"---\n", b"<<: ", b"? ",
    b"nan", b"inf", b"-1", b"9" * 400, b"1e999", b"[" * 3000, b"0x", b"=", b" ", b",", b"x",
)  # fmt: skip


def mutated(raw: bytes, rng: random.Random, data: Any = None, *, as_json: bool = False) -> bytes:
    """One to three changes; half of them of the structure, where ``data`` is what ``raw`` holds."""
    if data is not None and rng.random() < 0.5:
        changed = copy.deepcopy(data)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            changed = _changed(changed, rng)
        return _dumped(changed, as_json)
    for _ in range(rng.choice((1, 1, 2, 3))):
        raw = _scratched(raw, rng)
    return raw


def _dumped(data: Any, as_json: bool) -> bytes:
    """JSON is YAML, but for the words of what is not finite."""
    text = json.dumps(data)
    if not as_json:
        text = text.replace("NaN", ".nan").replace("Infinity", ".inf")
    return text.encode("utf-8", "surrogatepass")


def _changed(data: Any, rng: random.Random) -> Any:
    """``data`` with one place replaced, removed, renamed, repeated or wrapped."""
    places = list(_places(data))
    if not places:
        return rng.choice(HOSTILE)
    holder, key = rng.choice(places)
    how = rng.random()
    if how < 0.6:
        holder[key] = copy.deepcopy(rng.choice(HOSTILE))
    elif how < 0.75:
        del holder[key]
    elif how < 0.85:
        holder[key] = [holder[key], copy.deepcopy(holder[key])]
    elif isinstance(holder, dict):
        holder[rng.choice(("x", "", "name", "family", str(key).upper(), f"{key} "))] = holder.pop(
            key
        )
    else:
        holder.append(copy.deepcopy(holder[key]))
    return data


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    keys = (
        list(data) if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
    )
    for key in keys:
        yield data, key
        yield from _places(data[key])


def _scratched(raw: bytes, rng: random.Random) -> bytes:
    """One change of the bytes."""
    at = rng.randrange(len(raw) + 1)
    end = min(len(raw), at + rng.choice((1, 2, 5, 20, 200)))
    how = rng.randrange(8)
    if how == 0:
        return raw[:at]
    if how == 1:
        return raw[:at] + raw[end:]
    if how == 2:
        return raw[:at] + raw[at:end] + raw[at:]
    if how == 3:
        return raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1 :]
    if how == 4:
        lines = raw.splitlines(keepends=True) or [b""]
        first, second = rng.randrange(len(lines)), rng.randrange(len(lines))
        lines[first], lines[second] = lines[second], lines[first]
        return b"".join(lines)
    if how == 5:  # a word or number becomes another
        words = raw.split(b" ")
        words[rng.randrange(len(words))] = rng.choice(TOKENS)
        return b" ".join(words)
    if how == 6 and b"=" in raw:  # the value of a line
        lines = raw.split(b"\n")
        k = rng.choice([i for i, line in enumerate(lines) if b"=" in line])
        lines[k] = lines[k].split(b"=")[0] + b"=" + rng.choice(TOKENS)
        return b"\n".join(lines)
    return raw[:at] + rng.choice(TOKENS) + raw[at:]


@dataclass(frozen=True)
class Room:
    """A kind of file: what is in the folder, which files are changed, and what reads them."""

    name: str
    folder: Path
    targets: tuple[str, ...]
    commands: tuple[tuple[str, ...], ...]
    """``{}`` stands for the folder; one is drawn for each mutant."""
    change: Callable[[Path, random.Random], None] | None = None
    """Instead of :func:`mutated`."""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Bad:
    """A mutant that was treated badly."""

    room: str
    seed: int
    command: str
    what: str


def outcome(room: Room, seed: int, work: Path) -> Bad | None:
    """Make mutant number ``seed`` in ``work`` and run a command on it; ``None``: as it should be."""
    rng = random.Random(f"{room.name} {seed}")
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(room.folder, work)
    target = work / rng.choice(room.targets)
    if room.change is not None:
        room.change(target, rng)
    else:
        raw = target.read_bytes()
        data = room.data.get(target.name)
        target.write_bytes(mutated(raw, rng, data, as_json=target.suffix in (".json", ".jsonl")))
    command = [word.replace("{}", str(work)) for word in rng.choice(room.commands)]
    before = {str(p.relative_to(work)) for p in work.rglob("*")}
    start = time.process_time()  # of a machine that is shared with others
    done = _run(command, work)
    seconds = time.process_time() - start
    left = {str(p.relative_to(work)) for p in work.rglob("*")} - before
    what = ""
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        frame = done.exc_info[2] if done.exc_info else None
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else ""
        what = f"{type(done.exception).__name__}: {str(done.exception)[:200]} at {place}"
    elif done.exit_code not in DOCUMENTED or "Traceback" in done.output:
        what = f"exit status {done.exit_code}: {done.output[-200:]}"
    elif done.exit_code in REFUSED and left:
        what = f"left {sorted(left)[:3]} behind with status {done.exit_code}: {done.output[:200]}"
    elif seconds > LONGEST_S:
        what = f"{seconds:.1f} s"
    elif len(done.output) > 50_000:
        what = f"{len(done.output):,} characters of output"
    return Bad(room.name, seed, " ".join(command), what) if what else None


def _run(command: Sequence[str], folder: Path) -> Any:
    """A command in ``folder``; rows of tables are solved in this process."""
    inside = mock.patch("mathdesign.tables.build.LocalWorkers", lambda _: InProcess())
    # Typer would make all its commands anew each time.
    made = mock.patch("typer.testing._get_command", lambda _: COMMAND)
    with inside, made, contextlib.chdir(folder):
        return CliRunner().invoke(app, list(command))


def rooms(folder: Path) -> list[Room]:
    """Every room, its good files made in ``folder``."""
    from mathdesign.kinds.load import loads, read_document

    made = []
    for name, text in SPECS.items():
        place = folder / name
        place.mkdir(parents=True)
        (place / "spec.yaml").write_text(text)
        data = read_document(place / "spec.yaml").data
        commands = (("check", "{}/spec.yaml"),) * 4 + (
            ("design", "{}/spec.yaml", "--no-train", "-q", "--time-limit", "2s"),
        )
        made.append(
            Room(f"specification {name}", place, ("spec.yaml",), commands, data={"spec.yaml": data})
        )
    for name in SPECS:
        made.append(_designs(folder / f"{name}-design", name, loads(SPECS[name])))
    made += [_sweeps(folder / "sweep"), _tables(folder / "tables")]
    model = _models(folder / "model")
    made += [model, _predictors(folder / "predictor", model.folder), _searches(folder / "search")]
    made.append(_stores(folder / "store"))
    return made


def _designs(place: Path, name: str, spec: Any) -> Room:
    import mathdesign

    place.mkdir()
    design = mathdesign.design(spec)
    design.save(place / "design.json")
    design.save(place / "design.yaml")
    commands: list[tuple[str, ...]] = []
    for file in ("{}/design.json", "{}/design.yaml"):
        commands += [("compare", file, file), ("why", file), ("export", file)] * 3
    commands.append(("validate", "{}/design.json", "--no-train"))
    data = {"design.json": design.to_dict(), "design.yaml": design.to_dict()}
    return Room(
        f"design {name}",
        place,
        ("design.json", "design.json", "design.yaml"),
        tuple(commands),
        data=data,
    )


def _sweeps(place: Path) -> Room:
    from mathdesign.kinds.load import read_document

    place.mkdir()
    (place / "base.yaml").write_text(SPECS["slots"])
    (place / "sweep.yaml").write_text(SWEEP)
    data = {name: read_document(place / name).data for name in ("base.yaml", "sweep.yaml")}
    command = ("table", "{}/sweep.yaml", "--out", "{}/out", "--no-html")
    return Room("sweep", place, ("sweep.yaml", "base.yaml"), (command,), data=data)


ON_A_TABLE = ("--table", "{}/table.csv", "--space", "{}/space.yaml", "--target", "acc",
              "--out", "{}/out")  # fmt: skip


def _tables(place: Path) -> Room:
    place.mkdir()
    third = "    - {name: c, options: [x, y, z]}\n  without"
    (place / "space.yaml").write_text(SPECS["slots"].replace("  without", third))
    rows = [
        f"{a},{b},{c},{a + len(str(b))}.5"
        for a in (1, 2, 4)
        for b in ("conv", "no", 3)
        for c in "xyz"
    ]
    (place / "table.csv").write_text("\n".join(["a,b,c,acc", *rows]) + "\n")
    few = ("--queries", "4", "--start", "4", "--no-baselines")
    return Room(
        "table",
        place,
        ("table.csv",),
        (("fit", *ON_A_TABLE, "--model", "tables"), ("search", *ON_A_TABLE, *few)),
    )


def _models(place: Path) -> Room:
    """A folder of `fit`, and a specification that maximises it."""
    import lightgbm
    import numpy as np

    from mathdesign.kinds.load import loads
    from mathdesign.surrogate.booster import names_in_file
    from mathdesign.surrogate.features import features_of, matrix
    from mathdesign.surrogate.learned import LearnedSpace
    from mathdesign.surrogate.measured import Measured
    from mathdesign.surrogate.predictor import Predictor, Quality

    place.mkdir()
    space = loads(SPECS["slots"]).table_space()
    points = np.array([(i, j) for i in range(3) for j in range(3)] * 4)
    features = features_of(space)
    names = names_in_file([feature.name for feature in features])
    columns = matrix(features, points)
    settings = {
        "objective": "regression",
        "num_leaves": 3,
        "min_data_in_leaf": 1,
        "verbose": -1,
        "num_threads": 1,
    }
    texts = []
    for seed in range(4):
        y = points @ np.array([1.0, 0.3 * seed]) + 0.1
        data = lightgbm.Dataset(columns, y, feature_name=names)
        texts.append(lightgbm.train({**settings, "seed": seed}, data, 2).model_to_string())
    quality = Quality(9, 0.5, 0.75, 0.1, {"x": 0.5})
    learned = LearnedSpace.of(space)
    found = Predictor(learned, "acc", "trees", ((-1.0, 0.0), (1.0, 2.0)), quality, tuple(texts))
    found.save(place / "model")
    rows = tuple(tuple(slot.options[k % len(slot.options)] for slot in space.slots) for k in (0, 1))
    slots = tuple(slot.name for slot in space.slots)
    Measured(slots, rows, (1.0, 2.0), (0.5, 1.0), 0.1).save(place / "model")
    text = SPECS["slots"].replace("{metric: macs}", "{predictor: model}")
    (place / "spec.yaml").write_text(text)
    (place / "unsure.yaml").write_text(text.replace("model}", "model, uncertainty: 0.5}"))
    commands = (
        ("design", "spec.yaml", "-q"),
        ("check", "spec.yaml"),
        ("design", "unsure.yaml", "-q"),
    )
    targets = (
        "model/trees-0.txt",
        "model/trees-0.txt",
        "model/trees-1.txt",
        "model/predictor.json",
        "model/measured.json",
    )
    data = _data(place)
    return Room("booster", place, targets, commands, data=data)


def _data(place: Path) -> dict[str, Any]:
    names = ("predictor.json", "measured.json")
    return {name: json.loads((place / "model" / name).read_text()) for name in names}


def _predictors(place: Path, model: Path) -> Room:
    """A design of a predictor, read by what asks the predictor again."""
    shutil.copytree(model, place)
    done = _run(["design", "spec.yaml", "-q", "-o", "."], place)
    assert done.exit_code == 0, done.output
    commands = (("why", "design.yaml"), ("validate", "design.yaml", "--no-train"))
    targets = ("model/predictor.json", "model/trees-0.txt", "model/measured.json", "design.yaml")
    data = _data(place)
    return Room("predictor", place, targets, commands, data=data)


def _searches(place: Path) -> Room:
    made = _tables(place)
    command = ("search", *ON_A_TABLE, "--queries", "5", "--start", "5", "--no-baselines")
    done = _run([word.replace("{}", str(place)) for word in command], place)
    assert done.exit_code == 0, done.output
    # The log names no folder, so that it is the same search where it is copied to.
    return Room("search log", made.folder, ("out/evaluations.jsonl",), (command,))


def _stores(place: Path) -> Room:
    room = _sweeps(place)
    command = ("table", "{}/sweep.yaml", "--out", "{}/out", "--no-html")
    done = _run([word.replace("{}", str(place)) for word in command], place)
    assert done.exit_code in (0, 6), done.output
    return Room("store", room.folder, ("out/store.sqlite",), (command,), change=_store_changed)


def _store_changed(path: Path, rng: random.Random) -> None:
    """A cell of a store becomes another, a row goes or, now and then, bytes are scratched."""
    if rng.random() < 0.2:
        path.write_bytes(_scratched(path.read_bytes(), rng))
        return
    connection = sqlite3.connect(path)
    try:
        names = [
            n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        table = rng.choice([*names, "results", "results"])
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        first = columns[0]
        keys = [k for (k,) in connection.execute(f"SELECT {first} FROM {table}")]
        if table == "claims" or not keys:
            owner = rng.choice(
                ("x", "a/b/c", f"{os.uname().nodename}/1/x", "\x00", "h/99999999999999999999/x")
            )
            known = [k for (k,) in connection.execute("SELECT request FROM results")]
            row = (
                rng.choice(known or ["x"]),
                owner,
                rng.choice((1e300, -1.0, time.time() + 1e8, "soon")),
            )
            connection.execute("INSERT OR REPLACE INTO claims VALUES (?, ?, ?)", row)
            connection.execute("DELETE FROM results WHERE request = ?", row[:1])
        elif rng.random() < 0.1:
            connection.execute(f"DELETE FROM {table} WHERE {first} = ?", (rng.choice(keys),))
        else:
            values: Sequence[Any] = (
                None, 0, -1, 2**62, 0.5, 1e308, float("inf"), "", "x", "optimal", "infeasible", "\x00", b"", b"x\x9c", "[]",
            )  # fmt: skip
            column = rng.choice(columns)
            with contextlib.suppress(sqlite3.IntegrityError):
                connection.execute(
                    f"UPDATE OR REPLACE {table} SET {column} = ? WHERE {first} = ?",
                    (rng.choice(values), rng.choice(keys)),
                )
        connection.commit()
    finally:
        connection.close()
