"""A user's own layer-wise space, from its words to blocks; every fault with its place.

```yaml
space:
  family: layers
  input: {channels: 3, size: 32}          # size: [64, 32] for height and width; length: 300 for sequences
  classes: 10
  stem: [{block: conv, width: 16}]
  slots:
    - name: s1
      width: 24                           # for every block of the slot that does not say its own
      stride: 2                           # of the first block of every option
      options:
        - {block: inverted_residual, kernel: 3, expansion: 3}
        - {block: inverted_residual, kernel: 5, expansion: 6, layers: 2, name: deep}
        - {name: pair, blocks: [{block: conv}, {block: conv}]}
    - {name: s2, width: 24, options: [{block: conv}, skip]}
  tail: [{block: conv, width: 64, kernel: 1}, {block: classifier}]
```
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mathdesign.spaces.blocks.base import LARGEST, Block
from mathdesign.spaces.blocks.network import block_from
from mathdesign.spaces.blocks.operators import Shape
from mathdesign.spaces.blocks.registry import BLOCKS
from mathdesign.spaces.lists.layerwise import Blocks, LayerSlot, LayerSpace, SpaceError
from mathdesign.spec.faults import CrossFault

#: The option that is no layer.
SKIP = "skip"
#: Words of an option beside those of its block.
NAME, LAYERS, SEVERAL = "name", "layers", "blocks"
MOST_LAYERS = 64
TOO_COSTLY = "costs above 2^62"
CLASSIFIER = "classifier"

Path = tuple[str | int, ...]
Words = Mapping[str, Any]


class OwnLayers:
    """The words of family ``layers`` read once: ``space``, or everything that is wrong."""

    def __init__(
        self, given: Shape, classes: int, stem: Sequence[Words], slots: Sequence[Any],
        tail: Sequence[Words],
    ) -> None:  # fmt: skip
        self.faults: list[CrossFault] = []
        self.space: LayerSpace | None = None
        self.classes = classes
        first = [b for i, w in enumerate(stem) for b in self._row(w, ("space", "stem", i), {})]
        own = [self._slot(slot, ("space", "slots", i)) for i, slot in enumerate(slots)]
        last = [b for i, w in enumerate(tail) for b in self._row(w, ("space", "tail", i), {})]
        if not tail or tail[-1].get("block") != CLASSIFIER:
            found = "another end" if tail else "nothing"
            self.faults.append((("space", "tail"), found, "a classifier as the last block", ""))
        if self.faults:
            return
        try:
            space = LayerSpace("layers", given, tuple(first), tuple(own), tuple(last))
            space.table_space()
            self.space = space
        except SpaceError as error:
            self.faults += _placed(error, slots)
        except OverflowError:
            self.faults.append((("space",), TOO_COSTLY, "smaller blocks, or a smaller input", ""))

    def _slot(self, slot: Any, path: Path) -> LayerSlot:
        shared = {"width": slot.width, "stride": slot.stride}
        options: dict[str, Blocks] = {}
        for i, words in enumerate(slot.options):
            place = (*path, "options", i)
            blocks: Blocks = ()
            if words == SKIP:
                label = SKIP
            elif not isinstance(words, Mapping):
                accepted = f"a mapping of block and its settings, or {SKIP}"
                self.faults.append((place, repr(words), accepted, ""))
                continue
            else:
                label, blocks = label_of(words), tuple(self._row(words, place, shared))
                if not isinstance(words.get(NAME, ""), str | int):
                    self.faults.append(((*place, NAME), repr(words[NAME]), "a name", ""))
            if label in options:
                accepted = f"each option once; `{NAME}:` tells them apart"
                self.faults.append((place, f"{label} twice", accepted, ""))
            options[label] = blocks
        return LayerSlot(slot.name, options)

    def _row(self, words: Words, path: Path, shared: Words) -> Iterator[Block]:
        """The blocks of an option, or of one line of a stem or tail."""
        several = words.get(SEVERAL)
        if several is None:
            yield from self._repeated(words, path, shared)
            return
        for word in words:
            if word not in (NAME, SEVERAL):
                self.faults.append(((*path, word), word, f"{NAME} and {SEVERAL}, no more", ""))
        if not isinstance(several, list | tuple) or not several:
            self.faults.append(((*path, SEVERAL), repr(several), "a list of blocks", ""))
            return
        for i, inner in enumerate(several):
            place = (*path, SEVERAL, i)
            if not isinstance(inner, Mapping):
                self.faults.append((place, repr(inner), "a mapping of block and its settings", ""))
                continue
            own = shared if i == 0 else {**shared, "stride": None}
            yield from self._repeated(inner, place, own)

    def _repeated(self, words: Words, path: Path, shared: Words) -> Iterator[Block]:
        layers = words.get(LAYERS, 1)
        if (
            isinstance(layers, bool)
            or not isinstance(layers, int)
            or not 1 <= layers <= MOST_LAYERS
        ):
            self.faults.append(((*path, LAYERS), repr(layers), f"1 to {MOST_LAYERS}", ""))
            layers = 1
        own = {k: v for k, v in words.items() if k not in (NAME, LAYERS)}
        name = own.get("block")
        kind = BLOCKS.get(name) if isinstance(name, str) else None
        known = set() if kind is None else {s.name for s in kind.settings}
        for word, value in shared.items():
            if word in known and value is not None:
                own.setdefault(word, value)
        if name == CLASSIFIER:
            own.setdefault("width", self.classes)
        found = block_from(own)
        if not isinstance(found, Block):
            self.faults += [((*path, word), what, accepted, near)
                            for word, what, accepted, near in found]  # fmt: skip
            return
        yield found
        if layers > 1:
            more = {**own, "stride": 1} if "stride" in known else own
            again = block_from(more)
            assert isinstance(again, Block)
            yield from (again,) * (layers - 1)


def block_schema() -> dict[str, Any]:
    """The words of an option for editors: those of any block, and those of options."""
    settings: dict[str, Any] = {}
    for kind in BLOCKS.values():
        for setting in kind.settings:
            settings.setdefault(setting.name, setting.schema())
    told = {
        "block": {"enum": list(BLOCKS), "description": "The kind of block."},
        NAME: {"type": ["string", "integer"], "description": "What the option is called."},
        LAYERS: {"type": "integer", "minimum": 1, "maximum": MOST_LAYERS,
                 "description": "So many of it; those after the first have stride 1."},
        SEVERAL: {"type": "array", "items": {"type": "object"},
                  "description": "Blocks in a row, in place of one."},
    }  # fmt: skip
    return {"type": "object", "properties": {**told, **settings}, "additionalProperties": False}


def label_of(words: Words) -> str:
    """What an option is called: its ``name``, or else its block and settings."""
    if NAME in words:
        return str(words[NAME])
    parts = [str(words.get("block", "blocks"))]
    parts += [f"{k}{v}" for k, v in words.items() if k not in ("block", SEVERAL)]
    return "_".join(parts)


def _placed(error: SpaceError, slots: Sequence[Any]) -> Iterator[CrossFault]:
    """What does not fit, where it stands in the file."""
    at = {slot.name: i for i, slot in enumerate(slots)}
    for slot, option, reason in error.findings:
        path: Path = ("space",)
        if slot is not None:
            path = ("space", "slots", at[slot])
            labels = [SKIP if w == SKIP else label_of(w) for w in slots[at[slot]].options]
            if option is not None:
                path = (*path, "options", labels.index(option))
        yield path, reason, f"shapes that fit; whole numbers up to {LARGEST}", ""
