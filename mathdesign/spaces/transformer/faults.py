"""What is wrong with a specification of transformers as a whole: everything at once."""

from __future__ import annotations

from collections.abc import Iterator

from mathdesign.devices.sources import device_faults
from mathdesign.memory.steps import WEIGHT_BYTES
from mathdesign.spaces.transformer.mixers import MIXERS, OPTIONS, REQUIRED, having
from mathdesign.spaces.transformer.network_faults import either, nearest_divisors, nearest_multiples
from mathdesign.spaces.transformer.words import (
    OBJECTIVES,
    PEAKS,
    REALS,
    TERMS,
    StackSpec,
    TransformerSpec,
)
from mathdesign.spec.devices import needs_device
from mathdesign.spec.document import Path
from mathdesign.spec.faults import CrossFault, near_miss
from mathdesign.spec.shared import peak_faults


def transformer_faults(spec: TransformerSpec) -> Iterator[CrossFault]:
    """Every fault of ``spec`` as a whole; each with the nearest values that work."""
    yield from _frame_faults(spec)
    for i, stack in enumerate(spec.space.stacks):
        yield from _stack_faults(("space", "stacks", i), stack, spec, i)
    yield from _metric_faults(spec)
    yield from _weight_faults(spec)
    yield from device_faults(spec.devices, {*spec.columns(), *PEAKS, *REALS, "effectiveness"})


def _weight_faults(spec: TransformerSpec) -> Iterator[CrossFault]:
    """Weights of what a space does not read, or beside an objective of whole numbers."""
    vision = "vision" in spec.space.kinds
    for name, reads in (("resolution", vision), ("context", not vision)):
        if getattr(spec.objective, name) is None:
            continue
        path: Path = ("objective", name)
        if not reads:
            other = "context" if name == "resolution" else "resolution"
            yield path, f"a weight of the {name}", "none: this family reads none", other
        elif spec.objective.metric not in REALS:
            yield (
                path,
                f"a weight beside metric {spec.objective.metric}",
                f"beside {' or '.join(REALS)}",
                "",
            )


def _frame_faults(spec: TransformerSpec) -> Iterator[CrossFault]:
    space, kinds = spec.space, spec.space.kinds
    vision = "vision" in kinds
    if vision:
        yield from _vision_faults(spec)
    else:
        if space.vocabulary < 1:
            yield ("space", "vocabulary"), str(space.vocabulary), "1 or more (bytes: 256)", ""
        if space.context < 1:
            yield ("space", "context"), str(space.context), "1 token or more", ""
        if space.image is not None:
            yield ("space", "image"), "an image", "none: this family reads tokens", ""
    if "generates" in kinds and space.classes:
        yield ("space", "classes"), str(space.classes), "0 for language models", ""
    if "pair" in kinds and len(space.stacks) != 2:
        accepted = "2 stacks: the encoder's and the decoder's"
        yield ("space", "stacks"), str(len(space.stacks)), accepted, ""
    length, table = spec.at.length, space.context
    if length is not None and length > table > 0 and space.frame["positions"] == "learned":
        accepted = f"up to {table}: the position table ends there"
        yield ("at", "length"), str(length), accepted, f"context: {length}"
    if length is not None and vision:
        yield ("at", "length"), str(length), "nothing: images have a fixed number of patches", ""
    relative = space.frame["positions"] == "relative"
    for i, stack in enumerate(space.stacks):
        numbers = stack.heads if stack.heads is not None else stack.head_size
        if relative and stack.layers == "free" and len(numbers or ()) > 1:
            accepted = "one number of heads, or `layers: shared`: all layers share one bias table"
            yield ("space", "stacks", i, "heads"), str(list(numbers or ())), accepted, ""


def _vision_faults(spec: TransformerSpec) -> Iterator[CrossFault]:
    space = spec.space
    if space.vocabulary or space.context:
        yield ("space",), "vocabulary or context", "neither for vision", ""
    if space.frame["positions"] not in ("learned", "none"):
        yield ("space", "positions"), space.frame["positions"], "learned, none", ""
    if space.image is None:
        yield ("space", "image"), "nothing", "channels, size and patch", ""
        return
    for patch in space.image.patch:
        if all(size % patch for size in space.image.size):
            near = either(nearest_divisors(patch, space.image.size[0]))
            yield ("space", "image", "patch"), str(patch), "a divisor of the size", near


def _stack_faults(
    path: tuple[str | int, ...], stack: StackSpec, spec: TransformerSpec, index: int
) -> Iterator[CrossFault]:
    if stack.heads is None and stack.head_size is None:
        yield path, "neither heads nor head_size", "at least one of the two", ""
    if (stack.ffn is None) == (stack.ffn_ratio is None):
        found = "neither" if stack.ffn is None else "both"
        yield path, found, "exactly one of ffn and ffn_ratio", ""
    for name, parts in (("heads", stack.heads), ("head_size", stack.head_size)):
        other = stack.head_size if name == "heads" else stack.heads
        for part in (parts or ()) if other is None else ():
            if all(width % part for width in stack.width):
                near = either(nearest_divisors(part, stack.width[0]))
                accepted = f"a divisor of the width ({stack.width[0]}: {near})"
                yield (*path, name), str(part), accepted, near
    for kv in stack.kv_heads or ():
        if stack.heads is not None and all(heads % kv for heads in stack.heads):
            near = either(nearest_divisors(kv, stack.heads[0]))
            yield (*path, "kv_heads"), str(kv), f"a divisor of heads ({near})", near
    if spec.space.frame["positions"] == "rotary":
        for size in stack.head_size or ():
            if size % 2:
                near = either(nearest_multiples(size, 2))
                yield (*path, "head_size"), str(size), f"an even number ({near}): rotary", near
    yield from _mixer_faults(path, stack, spec)
    if stack.pool != 1 and spec.space.family != "hierarchical_vit":
        yield (*path, "pool"), str(stack.pool), "1: only a hierarchical_vit pools", ""
    if stack.memory_layers != (1,) and not ("pair" in spec.space.kinds and index == 1):
        yield (*path, "memory_layers"), str(list(stack.memory_layers)), "1 but in a decoder", ""
    if stack.softmax_every is not None and "softmax" not in stack.attention:
        accepted = "a stack whose attention may be softmax"
        yield (*path, "softmax_every"), str(stack.softmax_every), accepted, ""


def _mixer_faults(
    path: tuple[str | int, ...], stack: StackSpec, spec: TransformerSpec
) -> Iterator[CrossFault]:
    """Options that a kind of attention needs or that no kind of the stack has; families."""
    for option, default in OPTIONS.items():
        value, owners = getattr(stack, option), having(option)
        used = any(kind in owners for kind in stack.attention)
        if option in REQUIRED and used == (value == default):
            kinds = " or ".join(f"`{kind}`" for kind in owners)
            accepted = f"above {default} with attention {kinds}, else {default}"
            yield (*path, option), str(value), accepted, ""
    for kind in stack.attention:
        if spec.space.family not in MIXERS[kind].families:
            accepted = f"{kind}: only in {', '.join(MIXERS[kind].families)}"
            yield (*path, "attention"), kind, accepted, ""


def _metric_faults(spec: TransformerSpec) -> Iterator[CrossFault]:
    known = (*spec.columns(), *PEAKS)
    if len(set(known)) < len(known) or set(REALS) & set(known):
        yield ("linear_metrics",), "a name twice", "names not taken by other metrics", ""
    for i, metric in enumerate(spec.linear_metrics):
        for term in metric.terms:
            if term not in TERMS:
                yield (
                    ("linear_metrics", i, "terms", term),
                    repr(term),
                    ", ".join(TERMS),
                    near_miss(term, TERMS),
                )
    for name in spec.budgets:
        path: tuple[str | int, ...] = ("budgets", name)
        if name not in known:
            accepted = (*known, WEIGHT_BYTES)
            meant = near_miss(name, accepted) or needs_device(path)
            yield path, repr(name), ", ".join(accepted), meant
        elif name == "token_macs" and "generates" not in spec.space.kinds:
            yield path, name, "nothing: this family generates no tokens", ""
    yield from peak_faults(spec, PEAKS)
    objectives = (*OBJECTIVES, *(m.name for m in spec.linear_metrics))
    if spec.objective.metric not in objectives:
        near = near_miss(spec.objective.metric, objectives)
        yield ("objective", "metric"), repr(spec.objective.metric), ", ".join(objectives), near
