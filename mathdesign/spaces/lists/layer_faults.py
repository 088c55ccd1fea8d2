"""What is wrong with the words of a layer-wise space, named or spelled out."""

from __future__ import annotations

from collections.abc import Iterator

from mathdesign.spaces.lists.layerwise import SpaceError
from mathdesign.spaces.lists.named import PRESETS
from mathdesign.spaces.lists.own_layers import TOO_COSTLY
from mathdesign.spaces.lists.words import LAYERS, ListSpec
from mathdesign.spec.faults import CrossFault, near_miss

#: Words of layer-wise spaces, and of those that stand in the file.
SHARED, OWN = ("input", "classes"), ("stem", "tail")


def layer_faults(spec: ListSpec) -> Iterator[CrossFault]:
    """Every fault of the input, the settings, the blocks; how they fit together where those are sound."""
    space, family = spec.space, spec.space.family
    layered = family == LAYERS or family in PRESETS
    found = [*_alien(spec, layered), *_input(spec)]
    if family in PRESETS:
        found += _settings(spec)
    elif space.settings is not None:
        found.append((("space", "settings"), "settings", _families(), ""))
    yield from found
    yield from _slots(spec)
    if found or not layered:
        return
    if family == LAYERS:
        yield from spec.own_layers().faults
        return
    try:
        layers = spec.layers()
        assert layers is not None
        layers.table_space()
    except OverflowError:
        yield ("space",), TOO_COSTLY, "a smaller input", ""
    except SpaceError as error:
        for slot, option, reason in error.findings:
            where = " of ".join(part for part in (option, slot) if part)
            accepted = "an input and settings that fit"
            yield ("space",), f"{where + ': ' if where else ''}{reason}", accepted, ""


def _families() -> str:
    return f"only with family {', '.join(PRESETS)}"


def _alien(spec: ListSpec, layered: bool) -> Iterator[CrossFault]:
    """Words that this family does not have."""
    space = spec.space
    for word in SHARED if not layered else ():
        if getattr(space, word) is not None:
            accepted = f"only with family {', '.join((*PRESETS, LAYERS))}"
            yield ("space", word), word, accepted, ""
    for word in OWN:
        given = getattr(space, word) is not None
        if given and space.family != LAYERS:
            yield ("space", word), word, f"only with family {LAYERS}", ""


def _input(spec: ListSpec) -> Iterator[CrossFault]:
    given = spec.space.input
    if given is not None and (given.size is None) == (given.length is None):
        found = "nothing" if given.size is None else "size and length"
        yield ("space", "input"), found, "size of images, or length of sequences", ""


def _settings(spec: ListSpec) -> Iterator[CrossFault]:
    known = {setting.name: setting for setting in PRESETS[spec.space.family].settings}
    for word, value in (spec.space.settings or {}).items():
        path = ("space", "settings", word)
        if word not in known:
            accepted = ", ".join(known) or "none"
            yield path, f"unknown setting {word!r}", accepted, near_miss(word, [*known])
        elif not known[word].accepts(value):
            yield path, repr(value), known[word].accepted, ""


def _slots(spec: ListSpec) -> Iterator[CrossFault]:
    """Words of slots that go with the other family only."""
    own = spec.space.family == LAYERS
    slots = [(("space", "slots", i), s) for i, s in enumerate(spec.space.slots or ())]
    recipe = [(("space", "recipe", i), s) for i, s in enumerate(spec.space.recipe or ())]
    for path, slot in [*slots, *recipe]:
        blocks = own and path[1] == "slots"
        for word in ("costs",) if blocks else ("width", "stride"):
            if getattr(slot, word):
                reason = "nothing: costs follow from blocks" if blocks else f"with family {LAYERS}"
                yield (*path, word), word, reason, ""
        for i, option in enumerate(slot.options):
            if isinstance(option, dict) and not blocks:
                yield (*path, "options", i), "a mapping", f"blocks with family {LAYERS} only", ""
