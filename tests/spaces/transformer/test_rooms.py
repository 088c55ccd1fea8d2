"""Imports of the transformer's room: one direction, imports inside functions counted."""

import ast

from tests.places import ROOT

ROOM = "mathdesign.spaces.transformer"
FOLDER = ROOT / "mathdesign" / "spaces" / "transformer"
#: The order in which the description of a network is built up.
CHAIN = ("shape", "mixers", "costs", "network_faults", "network", "metrics", "words", "faults")


def imports():
    """Modules of the room (a folder is one), with what they import of it, lazily or not."""
    found = {}
    for path in sorted(FOLDER.rglob("*.py")):
        name = path.relative_to(FOLDER).with_suffix("").parts[0]
        names = found.setdefault(name, set())
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(ROOM):
                rest = (node.module or "").removeprefix(ROOM).strip(".").split(".")[0]
                names |= {rest} if rest else {alias.name for alias in node.names}
    return {name: names - {name} for name, names in found.items()}


def test_no_circle():
    graph = imports()
    while leaves := [name for name, names in graph.items() if not names & set(graph)]:
        for name in leaves:
            del graph[name]
    assert graph == {}


def test_the_description_knows_nothing_of_what_is_built_on_it():
    graph = imports()
    for i, name in enumerate(CHAIN):
        assert not graph[name] & set(CHAIN[i + 1 :]), name
    assert graph["shape"] == set() and graph["mixers"] == {"shape"}


def test_no_module_of_the_room_imports_its_export():
    allowed = {"answer.py", "shown.py"}
    for path in FOLDER.rglob("*.py"):
        if path.name not in allowed:
            assert "mathdesign.export" not in path.read_text(), path.name
