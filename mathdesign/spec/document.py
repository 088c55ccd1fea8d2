"""YAML text -> plain data with the position of every node. Loads nothing but plain data.

The text is only *composed* into a node graph (no constructor ever runs), which this module walks
itself: tags other than YAML's own scalars and collections, duplicate keys, deep nesting and alias
bombs are faults with their position.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from mathdesign.spec.faults import Fault, SpecError, quoted

LARGEST_FILE_BYTES = 1 << 20
MOST_NODES = 50_000
DEEPEST_NESTING = 20
TOO_MANY = "too many nested or repeated nodes"

TAG = "tag:yaml.org,2002:"
SCALARS = {"str", "int", "float", "bool", "null", "timestamp", "merge"}

Path = tuple[str | int, ...]
Position = tuple[int, int]


@dataclass(slots=True)
class Document:
    """Plain data and, for each path in it, the line and column (from 1) of its key or item."""

    file: str
    data: Any = None
    positions: dict[Path, Position] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    """What is wrong with the text itself, where the rest can be read all the same."""

    def fault(self, path: Path, found: str, accepted: str, suggestion: str = "") -> Fault:
        """A fault at ``path``, or at its nearest ancestor that has a position."""
        place = path
        while place and place not in self.positions:
            place = place[:-1]
        line, column = self.positions.get(place, (1, 1))
        return Fault(self.file, line, column, dotted(path), found, accepted, suggestion)


def dotted(path: Path) -> str:
    """``space.stages[0].width``; list items count from 0."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def parse(text: str, file: str) -> Document:
    """The document in ``text``, with its structural faults.

    Raises :class:`SpecError` where it cannot be read at all.
    """
    document = Document(file)
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST_FILE_BYTES:
        raise _single(document, f"more than {LARGEST_FILE_BYTES} bytes", "a specification file")
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = " ".join(str(error.problem or error.context or "no YAML").split())
        raise SpecError([Fault(file, line, column, "", problem, "valid YAML")]) from None
    except (YAMLError, ValueError) as error:
        raise _single(document, " ".join(str(error).split())[:120], "valid YAML") from None
    except RecursionError:
        raise _single(document, "nesting too deep", f"{DEEPEST_NESTING} levels") from None
    if not isinstance(root, MappingNode):
        raise _single(document, "no mapping at the top level", "`version: 1`, `space:`, ...")
    walk = _Walk(document)
    document.data = walk.visit(root, ())
    if any(fault.found == TOO_MANY for fault in walk.faults):
        raise SpecError(walk.faults)
    document.faults += walk.faults
    return document


def _single(document: Document, found: str, accepted: str) -> SpecError:
    return SpecError([Fault(document.file, 1, 1, "", found, accepted)])


class _TooLarge(Exception):
    pass


class _Walk:
    """Turns nodes into data, collecting positions and faults."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.faults: list[Fault] = []
        self.nodes = 0

    def visit(self, node: Node, path: Path) -> Any:
        """Data of ``node``; records its position unless its key already did."""
        position = (node.start_mark.line + 1, node.start_mark.column + 1)
        self.document.positions.setdefault(path, position)
        self.nodes += 1
        if self.nodes > MOST_NODES or len(path) > DEEPEST_NESTING:
            if not self.faults or self.faults[-1].found != TOO_MANY:
                self._fault(path, TOO_MANY, "a plain specification")
            return None
        tag = (node.tag or "").removeprefix(TAG)
        if isinstance(node, MappingNode) and tag == "map":
            return self._mapping(node, path)
        if isinstance(node, SequenceNode) and tag == "seq":
            return [self.visit(child, (*path, i)) for i, child in enumerate(node.value)]
        if isinstance(node, ScalarNode) and tag in SCALARS:
            return scalar(tag, node.value)
        self._fault(path, f"the tag {quoted(node.tag)}", "plain values; tags are not allowed")
        return None

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = key_node.start_mark
            if not isinstance(key_node, ScalarNode):
                self._fault(path, "a key that is no word", "words as keys")
                continue
            key = str(key_node.value)
            inner = (*path, key)
            if key in data:
                place = (mark.line + 1, mark.column + 1)
                fault = Fault(self.document.file, *place, dotted(inner), "the key twice", "once")
                self.faults.append(fault)
                continue
            self.document.positions[inner] = (mark.line + 1, mark.column + 1)
            data[key] = self.visit(value_node, inner)
            if self.nodes > MOST_NODES:
                break
        return data

    def _fault(self, path: Path, found: str, accepted: str) -> None:
        self.faults.append(self.document.fault(path, found, accepted))


def scalar(tag: str, text: str) -> Any:
    """A YAML scalar as Python's None, bool, int, float or str."""
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() == "true"
    if tag == "int":
        try:
            return int(text.replace("_", ""), 0)
        except ValueError:
            return text
    if tag == "float":
        try:
            return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
        except ValueError:
            return text
    return text
