"""What is wrong with a transformer: every fault at once, each with the nearest values that work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from mathdesign.spaces.errors import NetworkError
from mathdesign.spaces.transformer.mixers import MIXERS, OPTIONS, having
from mathdesign.spaces.transformer.norms import SCHEMES
from mathdesign.spaces.transformer.shape import (
    GENERATES,
    KINDS,
    NORMS,
    POSITIONS,
    VISION,
    Description,
    Image,
    Layer,
    Stack,
    Style,
)

#: Integers in a description above this are refused: no network comes near it.
LARGEST_VALUE = 2**24
MOST_LAYERS = 4096


class ArchitectureError(NetworkError):
    """A description that describes no transformer."""


def nearest_divisors(value: int, of: int) -> tuple[int, ...]:
    """The divisors of ``of`` next to ``value``, one below and one above where they exist."""
    divisors = [k for k in range(1, of + 1) if of % k == 0]
    below = [k for k in divisors if k <= value][-1:]
    above = [k for k in divisors if k >= value][:1]
    return tuple(dict.fromkeys(below + above))


def nearest_multiples(value: int, of: int) -> tuple[int, ...]:
    """The positive multiples of ``of`` next to ``value``."""
    below, above = value // of * of, -(-value // of) * of
    return tuple(dict.fromkeys(v for v in (below, above) if v > 0))


def either(values: tuple[int, ...]) -> str:
    """``8 or 16``."""
    return " or ".join(str(v) for v in values)


def architecture_faults(net: Description) -> Iterator[str]:
    """Everything that does not fit together in ``net``."""
    if net.kind not in KINDS:
        yield f"kind: found {net.kind!r}; accepted: {', '.join(KINDS)}"
    if net.positions not in POSITIONS:
        yield f"positions: found {net.positions!r}; accepted: {', '.join(POSITIONS)}"
    if net.style.norm not in NORMS:
        yield f"style.norm: found {net.style.norm!r}; accepted: {', '.join(NORMS)}"
    for name in net.style.extra_norms:
        if name not in SCHEMES:
            yield f"style.extra_norms: found {name!r}; accepted: {', '.join(SCHEMES)}"
    if not net.stacks or not any(stack.layers for stack in net.stacks):
        yield "stacks: no layers; at least one is needed"
        return
    if net.kind == "encoder_decoder" and len(net.stacks) != 2:
        yield f"stacks: found {len(net.stacks)}; an encoder_decoder has 2"
    if net.kind in VISION:
        yield from _vision_faults(net)
    else:
        yield from _text_faults(net)
    if net.kind in GENERATES and net.classes:
        yield f"classes: found {net.classes}; a {net.kind} has none: 0"
    for i, stack in enumerate(net.stacks):
        yield from _stack_faults(f"stacks[{i}]", stack, net)


def _text_faults(net: Description) -> Iterator[str]:
    if net.vocabulary < 1:
        yield f"vocabulary: found {net.vocabulary}; accepted: 1 or more (bytes: 256)"
    if net.context < 1:
        yield f"context: found {net.context}; accepted: 1 token or more"
    if net.image is not None:
        yield f"image: a {net.kind} reads tokens; accepted: none"


def _vision_faults(net: Description) -> Iterator[str]:
    if net.vocabulary or net.context:
        yield "vocabulary, context: a vision transformer has none; accepted: 0"
    if net.positions not in ("learned", "none"):
        yield f"positions: found {net.positions!r}; accepted for vision: learned, none"
    image = net.image
    if image is None:
        yield "image: missing; channels, size and patch are needed"
        return
    if min(image.channels, image.size, image.patch) < 1:
        yield "image: channels, size and patch must be 1 or more"
        return
    if image.size % image.patch:
        near = either(nearest_divisors(image.patch, image.size))
        yield f"image.patch: {image.patch} does not divide {image.size}; nearest: {near}"
    side = image.size // image.patch
    for i, stack in enumerate(net.stacks):
        root = round(max(stack.pool, 1) ** 0.5)
        if root * root != stack.pool or side % root:
            yield f"stacks[{i}].pool: {stack.pool} is no square that divides {side} x {side} tokens"
            return
        side //= root


def _stack_faults(path: str, stack: Stack, net: Description) -> Iterator[str]:
    if not 1 <= stack.width <= LARGEST_VALUE:
        yield f"{path}.width: found {stack.width}; accepted: 1 to {LARGEST_VALUE}"
    if stack.pool != 1 and net.kind != "hierarchical_vit":
        yield f"{path}.pool: found {stack.pool}; only a hierarchical_vit pools: 1"
    if len(stack.layers) > MOST_LAYERS:
        yield f"{path}: {len(stack.layers)} layers; accepted: at most {MOST_LAYERS}"
    seen: set[Layer] = set()
    for i, layer in enumerate(stack.layers):
        if layer not in seen:
            seen.add(layer)
            yield from _layer_faults(f"{path}.layers[{i}]", layer, net)


def _layer_faults(path: str, layer: Layer, net: Description) -> Iterator[str]:
    for name in ("heads", "kv_heads", "head_size", "ffn", "features", "memory_layers"):
        if not 1 <= getattr(layer, name) <= LARGEST_VALUE:
            yield f"{path}.{name}: found {getattr(layer, name)}; accepted: 1 to {LARGEST_VALUE}"
            return
    if layer.heads % layer.kv_heads:
        near = either(nearest_divisors(layer.kv_heads, layer.heads))
        yield (
            f"{path}.kv_heads: {layer.kv_heads} does not divide heads = {layer.heads}; "
            f"nearest: {near}"
        )
    if net.positions == "rotary" and layer.head_size % 2:
        near = either(nearest_multiples(layer.head_size, 2))
        yield f"{path}.head_size: {layer.head_size} is odd; rotary positions need {near}"
    yield from _mixer_faults(path, layer, net)


def _mixer_faults(path: str, layer: Layer, net: Description) -> Iterator[str]:
    if layer.attention not in MIXERS:
        yield f"{path}.attention: found {layer.attention!r}; accepted: {', '.join(MIXERS)}"
        return
    mixer = MIXERS[layer.attention]
    if net.kind not in mixer.families:
        accepted = f"{mixer.name} attention is for {', '.join(mixer.families)}"
        yield f"{path}.attention: found {mixer.name!r} in a {net.kind}; {accepted}"
    for option, fault in mixer.faults(layer):
        yield f"{path}.{option}: {fault}"
    for option, default in OPTIONS.items():
        value = getattr(layer, option)
        if option not in mixer.options and value != default:
            owners = " or ".join(having(option))
            yield f"{path}.{option}: found {value}; only {owners} attention has it: {default}"


def read(data: object) -> dict[str, Any]:
    """The fields of a network from plain data that nobody vouches for.

    Raises :class:`ArchitectureError`.
    """
    faults: list[str] = []
    found = _fields(data, "transformer", Description, faults)
    words = _fields(found.get("style", {}), "style", Style, faults)
    if not isinstance(extra := words.get("extra_norms", ()), list | tuple):
        faults.append(f"style.extra_norms: found {extra!r}; accepted: a list of names")
        extra = ()
    style = Style(**{**words, "extra_norms": tuple(map(str, extra))})
    image = found.get("image")
    if image is not None:
        image = Image(**_fields(image, "image", Image, faults))
    stacks = []
    entries = found.get("stacks")
    for i, entry in enumerate(entries if isinstance(entries, list | tuple) else ()):
        stack = _fields(entry, f"stacks[{i}]", Stack, faults)
        layers = _layers(stack.pop("layers", ()), f"stacks[{i}].layers", faults)
        if "width" in stack:
            stacks.append(Stack(layers=layers, **stack))
    for name in ("name", "kind", "stacks"):
        if name not in found:
            faults.append(f"transformer.{name}: missing")
    if faults:
        raise ArchitectureError(tuple(faults))
    return {**found, "style": style, "image": image, "stacks": tuple(stacks)}


def _layers(data: object, path: str, faults: list[str]) -> tuple[Layer, ...]:
    layers: list[Layer] = []
    if not isinstance(data, list | tuple):
        faults.append(f"{path}: found {type(data).__name__}; accepted: a list of layers")
        return ()
    for i, entry in enumerate(data):
        inside = isinstance(entry, Mapping)
        repeat = entry.get("repeat", 1) if inside else 1
        plain = {k: v for k, v in entry.items() if k != "repeat"} if inside else entry
        known = _fields(plain, f"{path}[{i}]", Layer, faults)
        if not _is_count(repeat) or len(layers) + repeat > MOST_LAYERS:
            faults.append(f"{path}[{i}].repeat: found {repeat!r}; accepted: 1 to {MOST_LAYERS}")
        elif {"heads", "kv_heads", "head_size", "ffn"} <= set(known):
            layers += [Layer(**known)] * repeat
        else:
            faults.append(f"{path}[{i}]: heads, kv_heads, head_size and ffn are needed")
    return tuple(layers)


def _fields(data: object, path: str, cls: type, faults: list[str]) -> dict[str, Any]:
    """The entries of ``data`` that ``cls`` knows and whose values have the right kind."""
    if not isinstance(data, Mapping):
        faults.append(f"{path}: found {type(data).__name__}; accepted: a mapping")
        return {}
    found = {}
    kinds = {field.name: str(field.type) for field in fields(cls)}
    for key, value in data.items():
        if key not in kinds:
            faults.append(f"{path}.{key}: unknown; accepted: {', '.join(kinds)}")
        elif not _fits(value, kinds[key]):
            faults.append(f"{path}.{key}: found {value!r}; accepted: {kinds[key]}")
        else:
            found[str(key)] = value
    return found


def _fits(value: object, kind: str) -> bool:
    if kind == "int":
        return (
            isinstance(value, int) and not isinstance(value, bool) and (0 <= value <= LARGEST_VALUE)
        )
    if kind.startswith("bool"):
        return isinstance(value, bool) or ("None" in kind and value is None)
    if kind in ("str", "Kind", "Positions", "Norm"):
        return isinstance(value, str) and len(value) <= 200
    return True  # nested: read by its own rules


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_LAYERS
