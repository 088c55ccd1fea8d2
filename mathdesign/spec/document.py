"""YAML text -> plain data with the position of every node. Loads nothing but plain data.

The text is only *composed* into a node graph (no constructor ever runs), which this module walks
itself: tags other than YAML's own scalars and collections, duplicate keys, deep nesting and alias
bombs are faults with their position. Nodes are counted while they are composed, so that a file is
refused as soon as it is too large and not after its last line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from mathdesign.spec.faults import Fault, SpecError, quoted

LARGEST_FILE_BYTES = 1 << 20
MOST_NODES = 50_000
DEEPEST_NESTING = 20
#: No quantity of a network has more; Python's own arithmetic with floats ends at 308.
MOST_DIGITS = 40
LARGEST_INTEGER = 10**MOST_DIGITS

TAG = "tag:yaml.org,2002:"
TOO_MANY = "too many nested or repeated nodes"
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
    given: dict[Path, str] = field(default_factory=dict)
    """What does not come from the text: its path, and who said it (``--max macs``)."""

    def fault(self, path: Path, found: str, accepted: str, suggestion: str = "") -> Fault:
        """A fault at ``path``, or at its nearest ancestor that has a position.

        Of what was given beside the text the place is who said it.
        """
        for start, said in self.given.items():
            if path[: len(start)] == start:
                return Fault(said, 0, 0, dotted(path), found, accepted, suggestion)
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


class _TooLarge(Exception):
    """More nodes, or deeper nesting, than is accepted; the line and column where that shows."""


class _CountingComposer(Composer):
    """Composes nodes; gives up at the first that is one too many or nested too deeply."""

    nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """As the composer that it extends."""
        self.nodes += 1
        if self.nodes > self.loader.most_nodes or self.depth > DEEPEST_NESTING:
            mark = self.parser.peek_event().start_mark
            raise _TooLarge(mark.line + 1, mark.column + 1)
        return super().compose_node(parent, index)


def parse(text: str, file: str, *, most_nodes: int = MOST_NODES) -> Document:
    """The document in ``text``, with its structural faults.

    Raises :class:`SpecError` where it cannot be read at all.
    """
    document = Document(file)
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST_FILE_BYTES:
        raise _single(document, f"more than {LARGEST_FILE_BYTES} bytes", "a specification file")
    try:
        root = _composed(text, most_nodes)
    except _TooLarge as error:
        line, column = error.args
        fault = Fault(file, line, column, "", TOO_MANY, "a plain specification")
        raise SpecError([fault]) from None
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
    walk = _Walk(document, most_nodes)
    document.data = walk.visit(root, ())
    if any(fault.found == TOO_MANY for fault in walk.faults):
        raise SpecError(walk.faults)
    document.faults += walk.faults
    return document


def _single(document: Document, found: str, accepted: str) -> SpecError:
    return SpecError([Fault(document.file, 1, 1, "", found, accepted)])


def _composed(text: str, most_nodes: int) -> Node | None:
    yaml: Any = YAML(typ="safe", pure=True)
    yaml.Composer, yaml.most_nodes = _CountingComposer, most_nodes
    root: Node | None = yaml.compose(text)
    return root


def data_faults(data: object, *, most_nodes: int = MOST_NODES) -> Iterator[tuple[Path, str, str]]:
    """What no document may hold, wherever it came from: its path, what was found, what is accepted.

    Too much or too deep, huge integers, text that has no UTF-8, keys that are no text.
    """
    seen = 0
    waiting: list[tuple[Path, object]] = [((), data)]
    while waiting:
        path, value = waiting.pop()
        seen += 1
        if seen > most_nodes or len(path) > DEEPEST_NESTING:
            yield path, TOO_MANY, "a plain specification"
            return
        if isinstance(value, Mapping):
            for key in value:
                if not isinstance(key, str) or not is_text(key):
                    yield path, f"the key {quoted(key)}", "words as keys"
            waiting += [((*path, key), item) for key, item in value.items() if isinstance(key, str)]
        elif isinstance(value, list | tuple):
            waiting += [((*path, i), item) for i, item in enumerate(value)]
        elif isinstance(value, str) and not is_text(value):
            yield path, quoted(value), "text (half a pair of surrogates is none)"
        elif isinstance(value, int) and not -LARGEST_INTEGER < value < LARGEST_INTEGER:
            yield path, quoted(value), f"integers of at most {MOST_DIGITS} digits"


def is_text(value: str) -> bool:
    """Whether ``value`` can be written as UTF-8: half a pair of surrogates cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Walk:
    """Turns nodes into data, collecting positions and faults."""

    def __init__(self, document: Document, most_nodes: int) -> None:
        self.document = document
        self.most_nodes = most_nodes
        self.faults: list[Fault] = []
        self.nodes = 0

    def visit(self, node: Node, path: Path) -> Any:
        """Data of ``node``; records its position unless its key already did."""
        position = (node.start_mark.line + 1, node.start_mark.column + 1)
        self.document.positions.setdefault(path, position)
        self.nodes += 1
        if self.nodes > self.most_nodes or len(path) > DEEPEST_NESTING:
            if not self.faults or self.faults[-1].found != TOO_MANY:
                self._fault(path, TOO_MANY, "a plain specification")
            return None
        tag = (node.tag or "").removeprefix(TAG)
        if isinstance(node, MappingNode) and tag == "map":
            return self._mapping(node, path)
        if isinstance(node, SequenceNode) and tag == "seq":
            return [self.visit(child, (*path, i)) for i, child in enumerate(node.value)]
        if isinstance(node, ScalarNode) and tag in SCALARS:
            return self._scalar(tag, node.value, path)
        self._fault(path, f"the tag {quoted(node.tag)}", "plain values; tags are not allowed")
        return None

    def _scalar(self, tag: str, text: str, path: Path) -> Any:
        if tag == "int" and len(text) > MOST_DIGITS:
            accepted = f"integers of at most {MOST_DIGITS} digits"
            self._fault(path, f"an integer of {len(text):,} digits", accepted)
        elif not is_text(text):
            self._fault(path, quoted(text), "text (half a pair of surrogates is none)")
        else:
            return scalar(tag, text)
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
            if not is_text(key):
                self._fault(path, f"the key {quoted(key)}", "words as keys")
                continue
            if key in data:
                place = (mark.line + 1, mark.column + 1)
                fault = Fault(self.document.file, *place, dotted(inner), "the key twice", "once")
                self.faults.append(fault)
                continue
            self.document.positions[inner] = (mark.line + 1, mark.column + 1)
            data[key] = self.visit(value_node, inner)
            if self.nodes > self.most_nodes:
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
