"""What people expect of a command line and of objects in a notebook."""

import copy
import json
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import mathdesign
from mathdesign.extras import EXTRAS, how_to_install
from mathdesign.kinds.load import load
from mathdesign.result import Design
from tests.places import ROOT

SAVED = sorted((ROOT / "tests/saved").glob("*.yaml"))
TINY = ROOT / "examples/03_digits_tiny/design.yaml"
COMMAND = [sys.executable, "-c", "from mathdesign.cli.main import main; main()"]


def run(*arguments: str, cwd: Path = ROOT, given: str = "", **environment: str):
    return subprocess.run(
        [*COMMAND, *arguments], cwd=cwd, capture_output=True, text=True, timeout=120, input=given,
        env={**os.environ, **environment},
    )  # fmt: skip


def test_version_and_short_help():
    assert run("--version").stdout == f"mathdesign {mathdesign.__version__}\n"
    assert "Example:" in run("design", "-h").stdout
    assert "complet" in run("--help").stdout


def test_completion_proposes_commands():
    found = run(_MATHDESIGN_COMPLETE="complete_bash", COMP_WORDS="mathdesign va", COMP_CWORD="1")
    assert found.stdout.split() == ["validate"]


def test_standard_input_stands_for_a_file():
    assert "270 designs" in run("check", "-", given=TINY.read_text()).stdout
    done = run(
        "export", "-", "-o", "/dev/null/x", given=(ROOT / "tests/saved/chain.yaml").read_text()
    )
    assert done.returncode == 1 and "cannot write" in done.stderr
    slots = "space: {family: slots, slots: [{name: a, options: [x, y]}]}"
    search = run("search", "--space", "-", "--out", "x", "--evaluate", "true", given=slots)
    assert search.returncode == 2 and "a command with {design}" in search.stderr
    bad = run("check", "-", given="space: 3")
    assert bad.returncode == 2 and bad.stderr.startswith("<stdin>:1:1: space:")


@pytest.mark.parametrize("columns", ["60", "40"])
def test_a_narrow_screen_cuts_nothing(columns):
    done = run("compare", str(SAVED[0]), str(SAVED[0]), COLUMNS=columns)
    assert max(map(len, done.stdout.splitlines())) <= int(columns)
    wide = run("families", COLUMNS="250").stdout.split()
    narrow = run("families", COLUMNS=columns).stdout
    assert "…" not in narrow
    for word in set(wide):
        assert word[: int(columns) // 4] in narrow


def test_a_narrow_design_keeps_its_widths(tmp_path):
    done = run("design", str(TINY), "--no-train", "-o", str(tmp_path), COLUMNS="60")
    design = Design.load(tmp_path / "design.yaml")
    table = design.kind.table(design.network)
    for row in table.rows:
        assert all(cell in done.stdout for cell in row)
    assert "…" not in done.stdout


def test_options_override_a_file_visibly(tmp_path):
    done = run("design", str(TINY), "--no-train", "--max", "params=60k", "-o", str(tmp_path))
    assert f"--max overrides {TINY}: budgets.params: 100k -> 60k" in done.stdout
    design = Design.load(tmp_path / "design.yaml")
    assert {use.metric: use.upper for use in design.budgets}["params"] == 60_000
    words = ["--max", "params=6", "--classes", "-3", "--time-limit", "soon"]
    done = run("design", str(TINY), *words, "-o", str(tmp_path))
    assert done.returncode == 2 and "budgets.params: 100k -> 6" in done.stdout
    assert "--classes: space.classes: found -3" in done.stderr
    assert "--time-limit: solve.time_limit: found 'soon'" in done.stderr


def test_two_limits_for_one_metric_are_refused():
    done = run("check", "--macs", "1G", "--max", "macs=2G", "--min", "macs", "--input", "3x2x1")
    assert done.returncode == 2 and done.stderr.count("command line:") == 3


def test_why_writes_what_it_says(tmp_path):
    yaml = tmp_path / "s.yaml"
    yaml.write_text(
        "space: {family: slots, slots: [{name: a, options: [x, y], costs: {c: [1, 2]}},"
        " {name: b, options: [x, y], costs: {c: [1, 3]}}]}\nobjective: {metric: c}\n"
    )
    assert run("design", "s.yaml", "-o", "r", cwd=tmp_path).returncode == 0
    assert run("why", "r/design.yaml", "--out", "w", cwd=tmp_path).returncode == 0
    slots = json.loads((tmp_path / "w/why.json").read_text())["slots"]
    assert {slot["slot"]: slot["loss"] for slot in slots} == {"a": 1.0, "b": 2.0}


def test_ctrl_c_in_validate_speaks(tmp_path):
    (tmp_path / "design.yaml").write_text((ROOT / "tests/saved/chain.yaml").read_text())
    command = [*COMMAND, "validate", "design.yaml", "--epochs", "500"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    # Not after some seconds: libraries may swallow an interrupt that comes while they are loaded.
    assert any(line.startswith("training 500 epochs") for line in process.stdout)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1 and "stopped" in said and "Traceback" not in said


def test_a_missing_package_is_named_with_the_line_that_brings_it():
    for extra, modules in EXTRAS.items():
        for module in modules:
            line = how_to_install(ModuleNotFoundError(f"No module named {module}", name=module))
            assert line == f"{module} is missing: pip install 'mathdesign[{extra}]'"
    without = "import sys; sys.modules['{0}'] = None; from mathdesign.cli.main import main; main()"
    for module, arguments in (
        ("torch", ["validate", str(ROOT / "tests/saved/chain.yaml")]),
        ("pandas", ["table", str(ROOT / "examples/10_budget_table/sweep.yaml")]),
        ("lightgbm", ["search", "--space", "nats_size", "--out", "x", "--evaluate", "a {design}"]),
        ("pandas", ["evidence", "--table", "x.csv", "--space", "nats_size", "--target", "y"]),
    ):
        command = [sys.executable, "-c", without.format(module), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT)
        assert "pip install 'mathdesign[" in done.stderr and done.returncode == 1, done.stderr


def test_a_predictor_is_found_beside_its_file(tmp_path):
    (tmp_path / "deep/model").mkdir(parents=True)
    (tmp_path / "deep/model/predictor.json").write_text("{}")
    (tmp_path / "deep/design.yaml").write_text(
        "space: {family: nats_size}\nobjective: {predictor: model}\n"
    )
    done = run("check", "deep/design.yaml", cwd=tmp_path)
    assert done.returncode == 2 and "deep/model: not a" in done.stderr


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
def test_designs_are_short_in_a_console_and_tables_in_a_notebook(path):
    design = Design.load(path)
    assert design.name in repr(design) and len(repr(design)) < 400
    html = design._repr_html_()
    assert html.startswith("<table>") and f"{design.certificate.objective:.6f}" in html


def test_programs_and_solutions_are_short_too():
    problem = mathdesign.problem(load(TINY))
    assert repr(problem).startswith(
        "<DesignProblem digits-tiny: 270 designs before rules, in 4 stages"
    )
    assert "params <= 100,000" in repr(problem) and len(repr(problem)) < 200
    solution = mathdesign.solve(problem)
    assert "optimal" in repr(solution) and len(repr(solution)) < 250
    assert "<table>" in problem._repr_html_() and "optimal" in solution._repr_html_()


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
def test_specifications_are_short_too(path):
    spec = Design.load(path).specification()
    assert spec.name in repr(spec) and len(repr(spec)) < 200
    html = spec._repr_html_()
    assert html.startswith("<pre>version: 1") and "&lt;" not in repr(spec)
    assert "params <= 100,000" in repr(load(TINY))
    both = load({"space": {"family": "basic"}, "budgets": {"macs": {"min": "1M", "max": "2M"}}})
    assert "1,000,000 <= macs <= 2,000,000" in repr(both)


def test_spaces_beyond_all_doubles_have_a_short_text():
    """200 slots of 60 options: more designs than any double."""
    slots = [{"name": f"s{i}", "options": list(range(60))} for i in range(200)]
    slots[0]["costs"] = {"c": list(range(60))}
    spec = load({"space": {"family": "slots", "slots": slots}, "objective": {"metric": "c"}})
    program = mathdesign.problem(spec)
    for shown in (repr(program), program._repr_html_(), repr(spec.table_space())):
        assert "e+355 designs" in shown
    assert len(repr(spec.table_space())) < 120


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
def test_modules_pickle(path):
    torch = pytest.importorskip("torch")
    from mathdesign.spaces.kind import CannotBuild

    try:
        module = Design.load(path).build()
    except CannotBuild:
        pytest.skip("no module")
    for again in (pickle.loads(pickle.dumps(module)), copy.deepcopy(module)):
        assert type(again) is type(module)
        pairs = zip(module.state_dict().items(), again.state_dict().items(), strict=True)
        assert all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


def test_a_pickled_module_opens_in_another_process(tmp_path):
    pytest.importorskip("torch")
    module = Design.load(ROOT / "tests/saved/mobile.yaml").build()
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(module))
    script = "import pickle; print(type(pickle.load(open('m.pkl', 'rb'))).__name__)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "Network\n", done.stderr


@pytest.mark.parametrize(
    ("module", "extra", "code"),
    [
        ("torch", "torch", "mathdesign.Design.load('tests/saved/chain.yaml').build()"),
        ("pandas", "table", "mathdesign.design_table({}, {})"),
    ],
)
def test_in_python_too(module, extra, code):
    script = f"import sys; sys.modules[{module!r}] = None; import mathdesign; {code}"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    line = f"ImportError: {module} is missing: pip install 'mathdesign[{extra}]'"
    assert done.stderr.splitlines()[-1] == line


def test_families_and_schema_cover_every_family():
    from mathdesign.kinds import families

    listed = [family["name"] for family in json.loads(run("families", "--json").stdout)]
    assert listed == list(families())
    schema = json.loads(run("schema").stdout)
    assert schema["properties"]["space"]["properties"]["family"]["enum"] == list(families())
