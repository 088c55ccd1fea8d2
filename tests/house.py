"""The rooms of the source and what imports what, read from the code itself.

Imports inside functions, imports for types alone and strings that name a ``module:attribute`` count
like any other: hiding an arrow does not remove it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.places import ROOT

#: From the ground up: a room may import what stands below it, never what stands above.
ROOMS = (
    "files", "extras", "notebook", "programs", "metrics", "memory", "spec", "devices", "solvers",
    "surrogate",
    "certificate", "spaces",
    "validators", "export", "kinds", "result", "checking", "explain", "alternatives", "soft", "api",
    "zoo", "report", "tables", "evidence", "search", "measuring", "bench", "cli",
)  # fmt: skip
NAMED = re.compile(r"(mathdesign(?:\.[a-z_0-9]+)+):[A-Za-z_]\w*")


@cache
def modules() -> dict[str, Path]:
    """Every module of the source by its dotted name."""
    found = {}
    for folder, package in ((ROOT / "mathdesign", ()), (ROOT / "solvers", ("solvers",)),
                            (ROOT / "validators", ("validators",))):  # fmt: skip
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            if package == () and parts[0] in ("solvers", "validators"):
                continue  # the links: counted under their own folders
            if parts[-1] == "__init__":
                parts = parts[:-1]
            found[".".join(("mathdesign", *package, *parts))] = path
    return found


def imported(path: Path) -> Iterator[str]:
    """The modules of ours that a file imports or names, wherever in it."""
    known = modules()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                names.append(inner if inner in known else node.module)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names = NAMED.findall(node.value)
        yield from (name for name in names if name.split(".")[0] == "mathdesign")


@cache
def arrows() -> dict[str, frozenset[str]]:
    """Module -> the modules of ours that it imports."""
    known = modules()
    return {
        name: frozenset(m for m in imported(path) if m in known and m != name)
        for name, path in known.items()
    }


def room(module: str) -> str:
    """The room of a module; the package itself, which only re-exports, is the roof."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "roof"


def circles(graph: dict[str, frozenset[str]]) -> list[list[str]]:
    """Strongly connected components of more than one module (Tarjan 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return found
