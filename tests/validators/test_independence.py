"""A check that shared code with what it checks would repeat its mistakes."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT

FOLDER = ROOT / "validators"
MODULES = sorted(
    ".".join(path.relative_to(FOLDER).with_suffix("").parts)
    for path in FOLDER.rglob("*.py")
    if path.stem != "__init__"
)


def imported_names(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("module", MODULES)
def test_no_validator_imports_a_solver(module):
    names = imported_names(FOLDER.joinpath(*module.split(".")).with_suffix(".py"))
    assert not {name for name in names if "solvers" in name.split(".")}


def test_the_recheck_shares_no_arithmetic_with_the_evaluator():
    names = imported_names(FOLDER / "convnet" / "recheck.py")
    assert not {
        n
        for n in names
        if n.startswith(("mathdesign.programs.evaluate", "mathdesign.programs.reach"))
    }
    assert {n for n in names if n.startswith("mathdesign.spaces.convnet.program.")} == {
        "mathdesign.spaces.convnet.program.EntropyOptions"
    }
    assert {n for n in names if n.startswith("mathdesign.spaces.convnet.volume.")} == {
        "mathdesign.spaces.convnet.volume.VolumeOptions"
    }
    assert not {n for n in names if n.split(".")[-1] in ("Monomial", "term", "expanded")}


def test_using_every_validator_loads_no_solver():
    code = "import sys\n" + "".join(f"import mathdesign.validators.{m}\n" for m in MODULES)
    code += "print([m for m in sys.modules if m.startswith('mathdesign.solvers')])\n"
    code += "print([m for m in ('torch', 'matplotlib', 'sklearn', 'pyarrow') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["[]", "[]"]
