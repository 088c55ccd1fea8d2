"""The cache of compiled code: it sees an edit of a callee in another file, and is used where it may be."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")

from mathdesign.solvers.compiled import content_of

ROOT = Path(__file__).resolve().parents[2]
STAMPED = "from mathdesign.solvers.compiled import kernel"
PLAIN = "from numba import njit\nkernel = njit(cache=True)"
CALLEE = "{decorator}\n\n@kernel\ndef step(x):\n    return x + {step}\n"
CALLER = (
    "{decorator}\nfrom toy.callee import step\n\n@kernel\ndef twice(x):\n    return 2.0 * step(x)\n"
)
#: Prints the result, and whether it was loaded from disk.
CALL = "from toy.caller import twice; print(twice(1.0), bool(twice.stats.cache_hits))"


class Toy:
    """A package of two kernels, a file each, called by fresh processes that share a cache."""

    def __init__(self, folder: Path, decorator: str) -> None:
        self.folder, self.decorator = folder / "toy", decorator
        self.folder.mkdir()
        (self.folder / "__init__.py").touch()
        (self.folder / "caller.py").write_text(CALLER.format(decorator=decorator))
        self.edit(1.0)

    def edit(self, step: float) -> None:
        """Write the callee anew."""
        (self.folder / "callee.py").write_text(CALLEE.format(decorator=self.decorator, step=step))

    def call(self) -> tuple[float, bool]:
        """The result in a process of its own, and whether the caller was loaded from disk."""
        above = self.folder.parent
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(above), *filter(None, sys.path)]),
            "NUMBA_CACHE_DIR": str(above / "cache"),
        }
        out = subprocess.check_output([sys.executable, "-c", CALL], env=environment, text=True)
        result, loaded = out.split()
        return float(result), loaded == "True"


def test_an_edited_callee_is_compiled_anew_and_an_unedited_one_is_loaded(tmp_path):
    toy = Toy(tmp_path, STAMPED)
    assert toy.call() == (4.0, False)
    assert toy.call() == (4.0, True)
    toy.edit(2.0)
    assert toy.call() == (6.0, False)
    assert toy.call() == (6.0, True)
    toy.edit(1.0)
    assert toy.call()[0] == 4.0


TUPLES = """from typing import NamedTuple
{decorator}


class {name}(NamedTuple):
    x: float


@kernel
def twice(pair):
    return 2.0 * pair.x
"""
CALL_TUPLE = "from toy.pairs import twice, {name}; print(twice({name}(1.0)))"


def test_a_cache_that_names_a_class_which_is_gone_is_no_obstacle(tmp_path):
    toy = Toy(tmp_path, STAMPED)
    for name in ("Before", "After"):
        text = TUPLES.format(decorator=STAMPED, name=name)
        (toy.folder / "pairs.py").write_text(text)
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)]),
            "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
        }
        call = [sys.executable, "-c", CALL_TUPLE.format(name=name)]
        assert float(subprocess.check_output(call, env=environment, text=True)) == 2.0


def test_plain_numba_is_what_the_stamp_is_for(tmp_path):
    toy = Toy(tmp_path, PLAIN)
    toy.call()
    toy.edit(2.0)
    if toy.call()[0] == 6.0:
        pytest.skip("this numba sees edits of callees: the stamp is no longer needed")
    assert toy.call() == (4.0, True)


def test_the_stamp_is_the_content_of_all_files_and_nothing_else(tmp_path):
    for name, text in (("a.py", "x = 1\n"), ("b.py", "y = 2\n"), ("notes.txt", "z")):
        (tmp_path / name).write_text(text)

    def stamp():
        content_of.cache_clear()
        return content_of(tmp_path)

    first = stamp()
    os.utime(tmp_path / "a.py", (0, 0))
    (tmp_path / "notes.txt").write_text("other")
    assert stamp() == first
    (tmp_path / "b.py").write_text("y = 3\n")
    assert stamp() != first
    (tmp_path / "b.py").write_text("y = 2\n")
    assert stamp() == first
    (tmp_path / "b.py").rename(tmp_path / "c.py")
    assert stamp() != first


#: Besides their own folder, kernels may read types; fields of a ``StructRef`` are part of its type.
READ = {
    "mathdesign.programs.base": {"BoolArray", "FloatArray", "IntArray"},
    "mathdesign.solvers.compiled": {"inner", "kernel"},
    "mathdesign.solvers.exact.model": {"BoxModel"},
}


def imports(path):
    """Every module that a file imports from within the project, with the names."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, set()


def sources():
    return [
        p for top in ("mathdesign", "solvers", "validators") for p in (ROOT / top).rglob("*.py")
    ]


def test_kernels_call_and_read_nothing_outside_of_their_folder():
    found = [p for p in sources() if p.parent.name == "kernels"]
    assert len(found) > 15
    for path in found:
        own = ".".join(path.relative_to(ROOT).parent.parts).removeprefix("mathdesign.")
        for module, names in imports(path):
            if module.startswith("mathdesign") and not module.startswith(f"mathdesign.{own}."):
                assert names <= READ.get(module, set()), f"{path}: {module}"


def test_only_folders_of_kernels_are_compiled():
    for path in sources():
        if path.parent.name != "kernels" and path.name != "compiled.py":
            for module, names in imports(path):
                assert not names & {"njit", "jit", "vectorize", "kernel", "inner"}, (
                    f"{path}: {module}"
                )
