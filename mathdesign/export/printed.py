"""The text of a class that a function defines and returns, read without calling the function.

Families define their block inside ``torch_block``, so that importing a family does not import
torch. Nor does printing one: the class is found in the function's syntax tree, once a process.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Printed:
    """A class as text, without what only our checkers read; defaults of its constructor."""

    name: str
    text: str
    defaults: Mapping[str, Any]


@functools.cache
def printed(maker: Callable[..., type]) -> Printed:
    """The class that ``maker`` returns by name. Raises ``ValueError`` if it defines none."""
    source = textwrap.dedent(inspect.getsource(maker))
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    classes = {node.name: node for node in function.body if isinstance(node, ast.ClassDef)}
    last = function.body[-1]
    if not (isinstance(last, ast.Return) and isinstance(last.value, ast.Name)):
        raise ValueError(f"{maker.__qualname__} does not end by returning a class by its name")
    if last.value.id not in classes:
        raise ValueError(f"{maker.__qualname__} returns {last.value.id}, which it does not define")
    node = classes[last.value.id]
    assert node.end_lineno is not None
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    lines = textwrap.dedent("\n".join(source.splitlines()[first - 1 : node.end_lineno]))
    text = "\n".join(line.split("  # type: ignore")[0] for line in lines.splitlines()) + "\n"
    return Printed(node.name, text, _defaults(node))


def _defaults(node: ast.ClassDef) -> dict[str, Any]:
    """Plain defaults of the constructor's arguments."""
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            arguments = item.args
            positional = arguments.args[len(arguments.args) - len(arguments.defaults) :]
            pairs = [*zip(positional, arguments.defaults)]
            pairs += [(a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults) if d]
            return {argument.arg: ast.literal_eval(value) for argument, value in pairs}
    return {}
