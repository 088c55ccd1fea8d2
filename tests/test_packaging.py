"""The wheel: only the module `mathdesign`, every package of the tree, and a working command."""

import ast
import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from tests.places import ROOT

REAL_FOLDERS = {"mathdesign": "mathdesign", "solvers": "mathdesign.solvers"} | {
    "validators": "mathdesign.validators"
}


def packages_in_tree() -> set[str]:
    found = set()
    for folder, package in REAL_FOLDERS.items():
        for init in (ROOT / folder).rglob("__init__.py"):
            relative = init.parent.relative_to(ROOT / folder)
            if folder == "mathdesign" and relative.parts[:1] in (("solvers",), ("validators",)):
                continue  # the links: counted under their own folders
            found.add(".".join([package, *relative.parts]))
    return found


def test_every_package_of_the_tree_is_listed():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert set(listed) == packages_in_tree()
    assert len(listed) == len(set(listed))


def test_no_module_imports_the_top_level_folders_directly():
    offenders = []
    for folder in (*REAL_FOLDERS, "tests", "examples", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    names = [node.module or ""]
                if any(name.split(".")[0] in ("solvers", "validators") for name in names):
                    offenders.append(str(path))
    assert not offenders


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_holds_only_mathdesign(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"mathdesign"}
    assert "mathdesign/py.typed" in names
    for package in packages_in_tree():
        assert package.replace(".", "/") + "/__init__.py" in names


def test_the_installed_wheel_runs_outside_the_checkout(wheel: Path, tmp_path: Path):
    environment = tmp_path / "env"
    venv.create(environment, with_pip=False)
    (site,) = environment.glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(site)
    # Dependencies come from this environment; mathdesign itself must come from the wheel.
    here = Path(next(p for p in sys.path if p.endswith("site-packages")))
    (site / "dependencies.pth").write_text(f"{here}\n")
    spec = tmp_path / "design.yaml"
    spec.write_text((ROOT / "examples/03_digits_tiny/design.yaml").read_text())
    code = (
        "import mathdesign, sys; assert sys.argv[1] in mathdesign.__file__, mathdesign.__file__;"
        "from mathdesign.cli.main import app;"
        "app(['design', 'design.yaml', '--no-train', '--out', 'out', '--quiet'])"
    )
    done = subprocess.run(
        [environment / "bin/python", "-c", code, str(site)],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        ".mathdesign.json", "design.yaml", "model.py", "report.html",
    }  # fmt: skip
