"""The house: arrows go down, nothing goes round, no kind is known by name, the README's map is true."""

from __future__ import annotations

import ast
import re

import pytest

from tests.house import ROOMS, arrows, circles, modules, room
from tests.places import ROOT


def test_every_module_stands_in_a_room():
    assert {room(m) for m in modules()} - {"roof"} == set(ROOMS)


def test_no_arrow_goes_up():
    rank = {name: i for i, name in enumerate((*ROOMS, "roof"))}
    upward = [
        f"{module} -> {other}"
        for module, others in arrows().items()
        for other in others
        if rank[room(other)] > rank[room(module)] or room(other) == "roof"
    ]
    assert upward == []


def test_nothing_goes_round():
    assert circles(arrows()) == []


def test_a_circle_and_an_arrow_upward_would_be_seen():
    graph = {"a": frozenset({"b"}), "b": frozenset({"c"}), "c": frozenset({"a"}), "d": frozenset()}
    assert circles(graph) == [["a", "b", "c"]]
    assert "mathdesign.solvers.exact.engine" in arrows()["mathdesign.solvers.portfolio"]  # a string
    inside = arrows()["mathdesign.solvers.hand_out"]  # imports inside functions
    assert "mathdesign.solvers.milp.interchange" in inside


KINDS_BY_NAME = re.compile(
    r"^(Design|Spec|ListSpec|TransformerSpec|\w*Problem|Network|Transformer|OptionList)$"
)


@pytest.mark.parametrize("module", sorted(modules()))
def test_no_kind_is_known_by_its_class(module):
    """A kind is asked (:class:`mathdesign.spaces.kind.Kind`); nobody looks at what it is."""
    tree = ast.parse(modules()[module].read_text(encoding="utf-8"))
    ladders = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "isinstance"
        and any(KINDS_BY_NAME.match(getattr(n, "id", "")) for n in ast.walk(node.args[1]))
    ]
    ladders += [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and any(isinstance(op, ast.Is | ast.IsNot) for op in node.ops)
        and any(KINDS_BY_NAME.match(getattr(n, "id", "")) for n in node.comparators)
        and getattr(getattr(node.left, "func", None), "id", "") != "type"
    ]
    assert ladders == []


def test_the_same_files_in_each_space():
    """A reader who knows one space finds the way in the others."""
    shared = {"words", "faults", "pose", "network"}
    for space in ("convnet", "lists", "transformer"):
        folder = ROOT / "mathdesign" / "spaces" / space
        assert shared <= {path.stem for path in folder.glob("*.py")}, space


def test_the_map_in_the_readme_is_the_tree():
    """Each folder that the README's map names exists, and each room is on the map."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text[text.index("## Architecture") :]
    drawn = section.split("```")[3]
    named = set(re.findall(r"^\s*([a-z_]+)(?:/|\.py)(?=\s)", drawn, re.MULTILINE))
    missing = set(ROOMS) - named
    assert not missing, f"not on the map: {sorted(missing)}"
    for line in drawn.splitlines():
        for place in re.findall(r"\b((?:[a-z_]+/)+)(?=\s|$)", line):
            where = [ROOT / place, ROOT / "mathdesign" / place, ROOT / "mathdesign/spaces" / place]
            where += [ROOT / "solvers" / place, ROOT / "validators" / place]
            assert any(path.is_dir() for path in where), place
