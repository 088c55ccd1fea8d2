"""What disks, memory, pipes and terminals refuse: one line, a status, nothing half-written."""

import errno
import gzip
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mathdesign import files
from mathdesign.cli import session as sessions
from mathdesign.cli.main import app
from mathdesign.files import STALE_S, write_atomic
from tests.mutants import SPECS

COMMANDS = {
    "design": ["design", "spec.yaml", "--no-train", "-o", "out"],
    "check": ["check", "spec.yaml", "-o", "out"],
    "export": ["export", "design.json", "-o", "out"],
    "compare": ["compare", "design.json", "design.json", "-o", "out"],
    "families": ["families", "-o", "out"],
    "schema": ["schema", "-o", "out"],
    "fit": ["fit", "--table", "t.csv", "--space", "own.yaml", "--target", "acc", "-o", "out", "--model", "tables"],
    "search": ["search", "--table", "t.csv", "--space", "own.yaml", "--target", "acc", "-o", "out", "--queries", "2", "--no-baselines"],
    "calibrate": ["calibrate", "--table", "t.csv", "--space", "own.yaml", "--target", "acc", "-o", "out", "--labels", "20"],
    "evidence": ["evidence", "--table", "t.csv", "--space", "own.yaml", "--target", "acc", "-o", "out", "--quantiles", "2"],
    "validate": ["validate", "design.json", "-o", "out", "--epochs", "1", "--limit", "400"],
    "bench": ["bench", "solvers", "--problems", "R18", "--backends", "anneal", "--evaluations", "10", "-o", "out"],
}  # fmt: skip


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    (folder / "spec.yaml").write_text(SPECS["chain"])
    numbers = range(1, 9)
    slots = "".join(
        f"    - {{name: {n}, options: [{', '.join(map(str, numbers))}], ordered: true, "
        f"costs: {{macs: [{', '.join(map(str, numbers))}]}}}}\n"
        for n in "ab"
    )
    own = f"space:\n  family: slots\n  slots:\n{slots}objective: {{metric: macs}}\n"
    (folder / "own.yaml").write_text(own)
    (folder / "sweep.yaml").write_text("base: own.yaml\ngrid: {budgets.macs: [8, 9]}\n")
    rows = [f"{a},{b},{a * b + a}.5" for a in numbers for b in numbers]
    (folder / "t.csv").write_text("\n".join(["a,b,acc", *rows]) + "\n")
    done = CliRunner().invoke(
        app, ["design", str(folder / "spec.yaml"), "--no-train", "-o", str(folder)]
    )
    assert done.exit_code == 0, done.output
    import mathdesign

    mathdesign.Design.load(folder / "design.yaml").save(folder / "design.json")
    return folder


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_one_line_in_every_command(
    good: Path, name: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(good)
    monkeypatch.setattr(files.tempfile, "mkstemp", full)
    done = CliRunner().invoke(app, COMMANDS[name])
    assert done.exit_code == 1, (done.output, done.exception)
    assert isinstance(done.exception, SystemExit) and "No space left" in done.output
    left = [p for p in good.glob("out/**/*") if p.is_file() and p.suffix != ".jsonl"]
    assert not left


def test_memory_that_runs_out_is_one_line(good: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(good)
    for error in (MemoryError("5 GiB"), RuntimeError("DefaultCPUAllocator: can't allocate memory")):

        def refuse(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr("mathdesign.cli.validate.validate", refuse)
        done = CliRunner().invoke(app, ["validate", "design.json"])
        assert done.exit_code == 1 and "out of memory" in done.output


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("pyarrow", ["table", "sweep.yaml", "-o", "late"]),
        ("matplotlib", ["table", "sweep.yaml", "-o", "late", "--plots", "png"]),
        ("matplotlib", COMMANDS["fit"]),
        ("pyarrow", COMMANDS["search"]),
        ("matplotlib", COMMANDS["evidence"]),
        ("matplotlib", ["validate", "design.json", "-o", "late", "--epochs", "1"]),
        ("plotly", ["validate", "design.json", "-o", "late", "--against", "random:1"]),
        ("lightgbm", ["prune", "own.yaml", "--table", "t.csv"]),
    ],
)  # fmt: skip
def test_a_package_of_the_last_step_is_missed_before_the_first(
    good: Path, monkeypatch: pytest.MonkeyPatch, module: str, words: list[str]
):
    """What draws or writes the answer is asked for before minutes are spent on it."""
    monkeypatch.chdir(good)
    monkeypatch.setitem(sys.modules, module, None)
    for late in ("tables.build.build_table", "surrogate.fit.fitted", "search.loop.search",
                 "evidence.regret.regrets", "evidence.study.run_study",
                 "validators.training.images.train"):  # fmt: skip
        monkeypatch.setattr(f"mathdesign.{late}", full)
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1, (done.output, done.exception)
    assert f"{module} is missing: pip install 'mathdesign[" in done.output


@pytest.mark.parametrize(
    ("words", "late"),
    [
        (["why", "design.json"], "mathdesign.cli.why.alternatives"),
        (["check", "spec.yaml"], "mathdesign.explain.reaches_of"),
    ],
)
def test_an_out_that_cannot_be_is_said_before_the_first_solve(
    good: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], late: str
):
    monkeypatch.chdir(good)
    monkeypatch.setattr(late, lambda *_, **__: pytest.fail("solved first"))
    done = CliRunner().invoke(app, [*words, "-o", "t.csv/inner"])
    assert done.exit_code == 1 and "t.csv" in done.output, (done.output, done.exception)


def test_a_recount_needs_no_folder_to_write_to(good: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(folder: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))

    monkeypatch.chdir(good)
    monkeypatch.setattr("mathdesign.cli.validate.refuse_folder", refuse)
    assert CliRunner().invoke(app, ["validate", "design.json", "--no-train"]).exit_code == 0
    assert CliRunner().invoke(app, ["validate", "design.json"]).exit_code == 1


def test_options_of_training_are_refused_in_words_of_ours(good: Path, tmp_path: Path):
    words = ["--epochs", "0", "--device", "gpu", "--seed", str(10**30)]
    done = CliRunner().invoke(app, ["validate", str(good / "design.json"), *words])
    assert done.exit_code == 2
    assert done.output.splitlines() == [
        "--epochs: found 0; accepted: greater than or equal to 1",
        f"--seed: found {10**30}; accepted: less than 2147483648",
        "--device: found 'gpu'; accepted: 'auto', 'cpu' or 'cuda'",
    ]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (("data: digits", "data: python"), "no such data"),
        (("data: digits", "data: t.csv"), "not a readable Parquet file"),
        (("data: digits", "data: empty"), "no sub-folders"),
        (("classes: 10", "classes: 5"), "10 classes, but the network tells 5 apart"),
    ],
)
def test_data_that_cannot_be_learnt_from_are_refused_before_solving(
    good: Path, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str], found: str
):
    monkeypatch.chdir(good)
    (good / "empty").mkdir(exist_ok=True)
    (good / "late.yaml").write_text(SPECS["chain"].replace(*change))
    monkeypatch.setattr("mathdesign.api.design", lambda *_, **__: pytest.fail("solved first"))
    done = CliRunner().invoke(app, ["design", "late.yaml", "-o", "late"])
    assert done.exit_code == 2 and found in done.output, (done.output, done.exception)
    assert "validate: data:" in done.output


def test_text_that_cannot_be_learnt_from_is_refused_before_solving(
    good: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(good)
    monkeypatch.setattr("mathdesign.api.design", lambda *_, **__: pytest.fail("solved first"))
    for data, vocabulary, found in (
        ("no/such", 256, "no such file"),
        ("python", 64, "256 (bytes)"),
    ):
        words = SPECS["decoder"].replace("vocabulary: 64", f"vocabulary: {vocabulary}")
        (good / "late.yaml").write_text(f"{words}validate: {{data: {data}}}\n")
        done = CliRunner().invoke(app, ["design", "late.yaml", "-o", "late"])
        assert done.exit_code == 2 and found in done.output, (done.output, done.exception)


def test_other_errors_are_not_hidden(monkeypatch: pytest.MonkeyPatch):
    def wrong(**_: object) -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        sessions.guarded(wrong)()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
def test_a_terminal_without_utf_8_shows_what_it_can(good: Path, encoding: str):
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    (good / "é.yaml").write_text("space: {family: basic}\nnamé: 1\n")
    code = "from mathdesign.cli.main import main; main()"
    for words, status in ((["families"], 0), (["check", "é.yaml"], 2)):
        done = subprocess.run(
            [sys.executable, "-c", code, *words], cwd=good, capture_output=True, env=environment
        )
        assert done.returncode == status, done.stderr
        assert b"Traceback" not in done.stderr


def test_a_pipe_that_closes_is_no_error_to_read_of(good: Path):
    code = "from mathdesign.cli.main import main; main()"
    command = f"{sys.executable} -c '{code}' schema | head -c 10"
    done = subprocess.run(["bash", "-c", command], cwd=good, capture_output=True, timeout=60)
    assert b"Traceback" not in done.stderr and b"Exception" not in done.stderr


@pytest.mark.parametrize("cut", [0, 1, 5, 12, 40, -1])
def test_a_compressed_table_that_was_cut_short(good: Path, tmp_path: Path, cut: int):
    packed = gzip.compress((good / "t.csv").read_bytes())
    (tmp_path / "t.csv.gz").write_bytes(packed[:cut])
    words = [w.replace("t.csv", str(tmp_path / "t.csv.gz")) for w in COMMANDS["fit"]]
    words = [w.replace("own.yaml", str(good / "own.yaml")) for w in words]
    done = CliRunner().invoke(app, [*words[:-4], "-o", str(tmp_path / "out")])
    assert done.exit_code == 2 and "t.csv.gz: " in done.output, done.output
    assert not (tmp_path / "out").exists()


def test_what_killed_processes_left_is_removed_when_it_is_old(tmp_path: Path):
    old, young = tmp_path / ".a.txt.x1.tmp", tmp_path / ".a.txt.x2.tmp"
    other = tmp_path / ".b.txt.x3.tmp"
    for path in (old, young, other):
        path.write_text("half")
    past = time.time() - 2 * STALE_S
    os.utime(old, (past, past))
    os.utime(other, (past, past))
    write_atomic(tmp_path / "a.txt", "whole")
    assert not old.exists() and young.exists() and other.exists()
