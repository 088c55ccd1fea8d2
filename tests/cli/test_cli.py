"""The commands as a user runs them: exit codes, files, JSON, nothing half-written."""

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mathdesign.cli.main import app
from mathdesign.files import MANIFEST
from mathdesign.result import Design
from tests.places import ROOT

TINY = (ROOT / "examples/03_digits_tiny/design.yaml").read_text()


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from mathdesign.cli.main import main; main()", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "design.yaml"
    path.write_text(TINY)
    return path


def test_design_prints_and_writes_everything(spec: Path, tmp_path: Path):
    done = run("design", "design.yaml", "--no-train", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in ("proven optimal", "params", "slack", "stage2", "bound", "gap"):
        assert words in done.stdout
    folder = tmp_path / "runs/digits-tiny"
    names = {p.name for p in folder.iterdir()} - {MANIFEST}
    assert names == {"design.yaml", "model.py", "report.html"}
    design = Design.load(folder / "design.yaml")
    assert design.certificate.status == "optimal" and design.certificate.gap == 0
    assert design.to_yaml() == (folder / "design.yaml").read_text()
    module = importlib.util.spec_from_file_location("model", folder / "model.py")
    assert module is not None and module.loader is not None


def test_same_input_same_bytes(spec: Path, tmp_path: Path):
    for out in ("a", "b"):
        assert (
            run("design", "design.yaml", "--no-train", "-q", "-o", out, cwd=tmp_path).returncode
            == 0
        )
    for name in ("design.yaml", "model.py", "report.html"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_json_is_one_document_that_holds_the_design(spec: Path, tmp_path: Path):
    done = run("design", "design.yaml", "--no-train", "--json", cwd=tmp_path)
    document = json.loads(done.stdout)
    design = Design.from_dict(document["design"])
    assert Design.from_json(design.to_json()) == design
    assert document["files"][0].endswith("design.yaml")


def test_bad_input_exits_with_2_and_writes_nothing(spec: Path, tmp_path: Path):
    spec.write_text(TINY.replace("family: basic", "family: basik").replace("100k", "many"))
    done = run("design", "design.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "did you mean basic?" in done.stderr and "budgets.params" in done.stderr
    assert "Traceback" not in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["design.yaml"]
    as_json = json.loads(run("design", "design.yaml", "--json", cwd=tmp_path).stdout)
    assert as_json["exit"] == 2 and len(as_json["error"]) == 2


def test_infeasible_exits_with_3_and_says_what_is_reachable(spec: Path, tmp_path: Path):
    spec.write_text(TINY.replace("params: 100k", "params: 10k"))
    done = run("design", "design.yaml", cwd=tmp_path)
    assert done.returncode == 3
    assert "params: asked max 10,000; least reachable alone 18,626" in done.stderr
    assert "this works: params max" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["design.yaml"]


def test_the_proposed_cure_works(spec: Path, tmp_path: Path):
    spec.write_text(TINY.replace("params: 100k", "params: 10k"))
    document = json.loads(run("design", "design.yaml", "--json", cwd=tmp_path).stdout)
    (params,) = [b for b in document["error"]["budgets"] if b["metric"] == "params"]
    spec.write_text(TINY.replace("params: 100k", f"params: {int(params['together'])}"))
    assert run("design", "design.yaml", "--no-train", cwd=tmp_path).returncode == 0


def test_a_stopped_search_without_a_design_exits_with_4(tmp_path: Path):
    big = (ROOT / "examples/01_resnet18_budget/design.yaml").read_text()
    big = big.replace("backend: auto", "backend: evolution").replace("60 s", "1 ms")
    (tmp_path / "design.yaml").write_text(big)
    done = run("design", "design.yaml", "--no-train", cwd=tmp_path)
    assert done.returncode in (0, 4)
    if done.returncode == 4:
        assert "no design found" in done.stderr
    else:
        assert "not proven" in done.stdout


def test_a_backend_that_cannot_do_it_is_refused_by_name(tmp_path: Path):
    arguments = ("--family", "bottleneck", "--max", "macs=1G", "--backend", "brute")
    done = run("design", *arguments, cwd=tmp_path)
    assert done.returncode == 2 and "enumeration stops" in done.stderr


def test_check_prints_size_and_reach(spec: Path, tmp_path: Path):
    done = run("check", "design.yaml", cwd=tmp_path)
    assert done.returncode == 0 and "270 designs" in done.stdout
    document = json.loads(run("check", "design.yaml", "--json", cwd=tmp_path).stdout)
    assert document["size"] == 270 and document["params"]["least"] == 18_626


def test_the_quick_form_checks_without_a_file(tmp_path: Path):
    arguments = ("--family", "basic", "--input", "1x32x32", "--classes", "10", "--max", "params=1M")
    document = json.loads(run("check", *arguments, "--json", cwd=tmp_path).stdout)
    assert document["size"] > 1e6
    assert run("design", cwd=tmp_path).returncode == 2
    assert run("design", "--family", "basic", "--max", "params", cwd=tmp_path).returncode == 2


def test_export_and_validate(spec: Path, tmp_path: Path):
    run("design", "design.yaml", "--no-train", "-q", cwd=tmp_path)
    written = "runs/digits-tiny/design.yaml"
    assert run("export", written, "--out", "elsewhere", cwd=tmp_path).returncode == 0
    exported = (tmp_path / "elsewhere/model.py").read_text()
    assert exported == (tmp_path / "runs/digits-tiny/model.py").read_text()
    done = run("validate", written, "--no-train", "--json", cwd=tmp_path)
    checks = json.loads(done.stdout)["checks"]
    assert done.returncode == 0 and len(checks) >= 5 and all(c["ok"] for c in checks)


@pytest.mark.parametrize(
    "this, that",
    [
        ("params: 92498", "params: 92497"),
        ("width: 48", "width: 56"),
        ("objective: 6.78", "objective: 6.98"),
    ],
)
def test_a_forged_design_fails_its_checks(spec: Path, tmp_path: Path, this: str, that: str):
    run("design", "design.yaml", "--no-train", "-q", cwd=tmp_path)
    path = tmp_path / "runs/digits-tiny/design.yaml"
    forged = path.read_text().replace(this, that, 1)
    assert forged != path.read_text()
    path.write_text(forged)
    assert run("validate", str(path), "--no-train", cwd=tmp_path).returncode == 5


@pytest.mark.parametrize(
    "text", ["", "[]", "format: 2\n", "format: 1\n", "a: !!python/name:os.system\n"]
)
def test_files_that_are_no_design_are_refused(tmp_path: Path, text: str):
    (tmp_path / "no.yaml").write_text(text)
    done = run("export", "no.yaml", cwd=tmp_path)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    both = run("compare", "no.yaml", "none.yaml", cwd=tmp_path)
    assert both.returncode == 2 and "no.yaml: " in both.stderr and "none.yaml: " in both.stderr


def test_every_command_has_help_with_an_example(tmp_path: Path):
    for command in ("design", "check", "export", "validate", "families", "schema"):
        done = run(command, "--help", cwd=tmp_path)
        assert done.returncode == 0 and "Example: mathdesign" in done.stdout
        for option in ("--json", "--quiet", "--out"):
            assert option in done.stdout


def test_families_and_schema(tmp_path: Path):
    families = json.loads(run("families", "--json", cwd=tmp_path).stdout)
    names = [f["name"] for f in families]
    assert names[:4] == ["bottleneck", "inverted_residual", "basic", "convnext"]
    assert names[4] == "regnet" and "group_width" in families[4]["decisions"]
    decoders = families[names.index("decoder_lm")]["published"]
    assert decoders["smollm-135m"]["params"] == 134_515_008
    assert decoders["gpt3-13b"]["warnings"]
    assert "inverted_residual" in run("families", cwd=tmp_path).stdout
    assert "Spec" in json.loads(run("schema", cwd=tmp_path).stdout)["$defs"]


def test_help_is_quick_and_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['mathdesign', '--help']\n"
        "from mathdesign.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'scipy', 'pandas', 'numba', 'matplotlib', 'highspy', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip().endswith("[]"), done.stdout[-300:]
    assert time.perf_counter() - start < 5  # 0.1 s alone; a loaded machine is no fault


def test_the_app_is_the_installed_command():
    assert app.info.name == "mathdesign"


@pytest.mark.parametrize(
    "this, that",
    [
        ("params: 92498", "params: .nan"),
        ("bound: 6.78", "bound: much # 6.78"),
        ("gap: 0", "gap: .inf # 0"),
        ("width: 48", "width: 99999999999"),
        ("used: ", "used: [1] # "),
    ],
)
def test_a_design_with_nonsense_for_numbers_is_refused(
    spec: Path, tmp_path: Path, this: str, that: str
):
    run("design", "design.yaml", "--no-train", "-q", cwd=tmp_path)
    path = tmp_path / "runs/digits-tiny/design.yaml"
    forged = path.read_text().replace(this, that, 1)
    assert forged != path.read_text()
    path.write_text(forged)
    done = run("validate", str(path), "--no-train", cwd=tmp_path)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr


def test_validate_against_rivals_and_measure(spec: Path, tmp_path: Path):
    assert run("design", "design.yaml", "--no-train", "--quiet", cwd=tmp_path).returncode == 0
    path = "runs/digits-tiny/design.yaml"
    words = ("validate", path, "--epochs", "1", "--seeds", "2", "--limit", "300", "--measure")
    done = run(*words, "--against", "random:1,uniform", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    rows = found["study"]["rows"]
    assert [row["done"] for row in rows] == [2, 2, 2]
    assert {v["baseline"] for v in found["study"]["verdicts"]} == {
        "random, mean",
        "resnet18",
    } or len(found["study"]["verdicts"]) == 2
    assert found["latency"]["median_ms"] > 0
    checks = {check["check"] for check in found["checks"]}
    assert {"entropy by simulation", "onnxruntime"} <= checks
    again = run(*words, "--against", "random:1,uniform", cwd=tmp_path)
    assert "the design against each" in again.stdout and "about" in again.stdout
    wrong = run(*words, "--against", "best,random:0", cwd=tmp_path)
    assert wrong.returncode == 2 and "best" in wrong.stderr and "random:0" in wrong.stderr
