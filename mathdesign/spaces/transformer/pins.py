"""Pins of a transformer: ``stack1.width``, ``stack1.ffn``, ``resolution``, ... in the words of its space.

A pin on what a stack decides once (width, depth) or on the image narrows those words; one on what
each layer decides leaves every layer of the stack the options that hold it. The context changes
every cost: it makes members of a union (:mod:`mathdesign.kinds.several`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mathdesign.spaces.transformer.network import Transformer
from mathdesign.spaces.transformer.shape import Layer
from mathdesign.spaces.transformer.words import TransformerSpec
from mathdesign.spec.pins import Choices

#: What a stack decides once, and what each of its layers decides.
OF_STACK, OF_LAYER = ("width", "depth"), ("heads", "kv_heads", "head_size", "ffn", "attention")
#: What a space of images decides -> its word.
OF_IMAGE = {"resolution": "size", "patch": "patch"}


#: What the longest sequence is called where it is decided.
CONTEXT = "context"


def members(spec: TransformerSpec) -> list[tuple[dict[str, int], TransformerSpec]]:
    """One specification for each context, with its label; the specification itself for one."""
    contexts = spec.space.contexts
    if len(contexts) == 1:
        return [({}, spec)]
    own = (spec.space.model_copy(update={"contexts": (n,)}) for n in contexts)
    return [
        ({CONTEXT: n}, spec.model_copy(update={"space": space})) for n, space in zip(contexts, own)
    ]


def choices(spec: TransformerSpec, layers: Sequence[Sequence[Layer]]) -> Choices:
    """What may be pinned; ``layers``: by stack, every layer that it may take."""
    found: dict[str, tuple[str, ...]] = {}
    if spec.space.image is None:
        found[CONTEXT] = tuple(map(str, spec.space.contexts))
    if spec.space.image is not None:
        for name, word in OF_IMAGE.items():
            found[name] = tuple(map(str, getattr(spec.space.image, word)))
    for i, (stack, own) in enumerate(zip(spec.space.stacks, layers)):
        for name in OF_STACK:
            found[called(i, name)] = tuple(map(str, getattr(stack, name)))
        for name in OF_LAYER:
            values: list[Any] = sorted({getattr(layer, name) for layer in own})
            found[called(i, name)] = tuple(map(str, values))
    return found


def held(network: Transformer) -> dict[str, str]:
    """What a network holds of each; a stack whose layers differ holds nothing there."""
    found: dict[str, str] = {CONTEXT: str(network.context)} if network.image is None else {}
    if network.image is not None:
        found = {name: str(getattr(network.image, word)) for name, word in OF_IMAGE.items()}
    for i, stack in enumerate(network.stacks):
        found |= {called(i, "width"): str(stack.width), called(i, "depth"): str(len(stack.layers))}
        for name in OF_LAYER:
            values = {str(getattr(layer, name)) for layer in stack.layers}
            if len(values) == 1:
                found[called(i, name)] = values.pop()
    return found


def narrowed(spec: TransformerSpec) -> TransformerSpec:
    """The specification whose words hold what is pinned of stacks and of the image."""
    pins = spec.pins or {}
    if not pins:
        return spec
    space = spec.space
    stacks = []
    for i, stack in enumerate(space.stacks):
        own = {n: (int(pins[called(i, n)]),) for n in OF_STACK if called(i, n) in pins}
        stacks.append(stack.model_copy(update=own))
    image = space.image
    if image is not None:
        sizes = {word: (int(pins[n]),) for n, word in OF_IMAGE.items() if n in pins}
        image = image.model_copy(update=sizes)
    space = space.model_copy(update={"stacks": tuple(stacks), "image": image})
    return spec.model_copy(update={"space": space})


def layer_pins(spec: TransformerSpec) -> list[Mapping[str, str]]:
    """By stack: what every layer of it has to hold."""
    pins = spec.pins or {}
    return [
        {n: str(pins[called(i, n)]) for n in OF_LAYER if called(i, n) in pins}
        for i in range(len(spec.space.stacks))
    ]


def keeps(layer: Layer, pins: Mapping[str, str]) -> bool:
    """Whether a layer holds what is pinned."""
    return all(str(getattr(layer, name)) == value for name, value in pins.items())


def called(stack: int, decision: str) -> str:
    """The name of a decision of a stack."""
    return f"stack{stack + 1}.{decision}"
