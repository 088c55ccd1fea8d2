"""Faults that only show when several parts of a specification are read together."""

from __future__ import annotations

from collections.abc import Iterator

from mathdesign.devices.sources import device_faults
from mathdesign.memory.steps import ACTIVATION_BYTES
from mathdesign.metrics import METRICS
from mathdesign.spaces.convnet.facts import row_symbols, scale_names, stem_family, stem_stride
from mathdesign.spaces.convnet.families import FAMILIES, OPTIONS, WORDS, Family, families_with
from mathdesign.spaces.convnet.words import MEMORY, EntropySpec, Spec, StageSpec, VolumeSpec
from mathdesign.spec.document import Path
from mathdesign.spec.faults import CrossFault, near_miss
from mathdesign.spec.shared import limit_faults, peak_faults


def cross_faults(spec: Spec) -> Iterator[CrossFault]:
    """Every fault of ``spec`` as a whole, in no particular order."""
    for index, stage in enumerate(spec.space.stages):
        yield from _stage_faults(("space", "stages", index), stage, spec)
    yield from _stem_faults(spec)
    yield from _resolution_faults(spec)
    yield from _row_faults(spec)
    yield from peak_faults(spec, (ACTIVATION_BYTES,))
    taken = {*METRICS, *MEMORY, "effectiveness", *(row.name for row in spec.rows or ())}
    yield from device_faults(spec.devices, taken)
    objective = spec.objective
    if objective.entropy is not None:
        yield from _entropy_faults(spec, objective.entropy)
    if objective.volume is not None:
        yield from _volume_faults(spec, objective.volume)
    others = [name for name in ("entropy", "volume") if getattr(objective, name) is not None]
    if others and objective.metric is not None:
        yield (
            ("objective", "metric"), f"both `{others[0]}` and `metric`",
            f"one of them (metric_weights adds metrics to the {others[0]})", "metric_weights",
        )  # fmt: skip
    elif not others and objective.metric is None and not objective.metric_weights:
        yield ("objective",), "nothing to maximise", "entropy, volume, metric or metric_weights", ""


def downsample_faults(spec: Spec) -> Iterator[CrossFault]:
    """What keeps the one stage of a choice of where to downsample from being split."""
    split, path = spec.space.downsample, ("space", "downsample")
    if split is None:
        return
    if len(spec.space.stages) != 1:
        accepted = "one stage, which stands for all blocks"
        yield (
            ("space", "stages"),
            f"{len(spec.space.stages)} stages beside `downsample`",
            accepted,
            "",
        )
    if split.at > split.blocks:
        yield (*path, "at"), str(split.at), f"at most as many as blocks, {split.blocks}", ""
    for i, stage in enumerate(spec.space.stages):
        where: Path = ("space", "stages", i)
        if stage.stride != 1:
            yield (
                (*where, "stride"),
                f"stride {stage.stride} beside `downsample`",
                "none: it is decided",
                "",
            )
        if stage.depth != (1,):
            yield (*where, "depth"), "a depth beside `downsample`", "none: `blocks` says it", ""
        if stage.times is not None:
            yield (*where, "times"), "`times` beside `downsample`", "none: channels double", ""


def _stage_faults(path: Path, stage: StageSpec, spec: Spec) -> Iterator[CrossFault]:
    family = FAMILIES[stage.family or spec.space.family]
    if "kernel_size" in family.odd:
        yield from _kernel_faults(path, stage.kernel_size)
    if stage.depth[-1] > 1000:
        yield (*path, "depth"), str(stage.depth[-1]), "at most 1000 blocks", ""
    if stage.shortcut == "identity" and stage.stride != 1:
        yield (*path, "shortcut"), "identity with stride 2", "stride 1, or projection", ""
    yield from _misplaced(path, stage, family)
    yield from _unset(path, stage, family)
    index = path[-1]
    assert isinstance(index, int)
    before = spec.space.stages[index - 1].width if index else spec.space.stem.width
    for key, found, accepted, meant in family.faults({**dict(stage), "prev": before}):
        yield (*path, key) if key else path, found, accepted, meant


def _misplaced(path: Path, stage: StageSpec, family: Family) -> Iterator[CrossFault]:
    """Words and options of other families."""
    for name in (*WORDS, *OPTIONS):
        if name in family.declared or getattr(stage, name) is None:
            continue
        noun, word = name.replace("_", " "), WORDS.get(name)
        article = "an" if noun[0] in "aeiou" else "a"
        others = families_with(name)
        only = f"only {'family' if len(others) == 1 else 'families'} {', '.join(others)}"
        if word is None:
            yield (*path, name), "a value", only, ""
        elif word.kind == "ratios":
            yield (*path, name), f"{article} {noun}", only, word.sets
        else:
            yield (
                (*path, name), f"{article} {noun}", f"nothing: family {family.name} has none", "",
            )  # fmt: skip


def _unset(path: Path, stage: StageSpec, family: Family) -> Iterator[CrossFault]:
    """Decisions that no word sets, or more than one."""
    for decision in dict.fromkeys(word.sets for word in family.words):
        words = [word for word in family.words if word.sets == decision]
        given = [word for word in words if getattr(stage, word.name) is not None]
        settled = any(word.default is not None for word in words)
        if len(given) == 1 or (not given and settled):
            continue
        if len(words) == 1:
            yield (*path, words[0].name), "nothing", f"the key {words[0].name!r} is needed", ""
        else:
            found = "both" if given else "neither"
            yield path, found, f"exactly one of {' and '.join(w.name for w in words)}", ""


def _stem_faults(spec: Spec) -> Iterator[CrossFault]:
    path: Path = ("space", "stem")
    family, stem = FAMILIES[stem_family(spec)], spec.space.stem
    stride = stem_stride(spec)
    if "kernel_size" in family.odd:
        yield from _kernel_faults(path, stem.kernel_size)
    if stride not in family.strides:
        yield (*path, "stride"), str(stride), " or ".join(map(str, family.strides)), ""
    for key, found, accepted, meant in family.faults({**dict(stem), "stride": stride}):
        yield (*path, key) if key else path, found, accepted, meant


def _kernel_faults(path: Path, kernel_sizes: tuple[int, ...]) -> Iterator[CrossFault]:
    if even := [k for k in kernel_sizes if k % 2 == 0]:
        odd = ", ".join(str(k + 1) for k in even[:4])
        yield (*path, "kernel_size"), f"even kernel sizes {even[:4]}", "odd kernel sizes", odd
    if kernel_sizes[-1] > 63:
        yield (*path, "kernel_size"), str(kernel_sizes[-1]), "kernel sizes up to 63", ""


def _resolution_faults(spec: Spec) -> Iterator[CrossFault]:
    """A stage of stride 2 must have more than one pixel to halve."""
    size = -(-spec.space.input.size // stem_stride(spec))
    for index, stage in enumerate(spec.space.stages):
        if stage.stride == 2 and size == 1:
            path: Path = ("space", "stages", index, "stride")
            yield path, "stride 2 on a map of 1 pixel", "fewer strides or a larger input", ""
        size = -(-size // stage.stride)


def _row_faults(spec: Spec) -> Iterator[CrossFault]:
    symbols = row_symbols(spec)
    taken = {*METRICS, *MEMORY, "effectiveness"}
    for index, row in enumerate(spec.rows or ()):
        path: Path = ("rows", index)
        if row.name in taken:
            yield (*path, "name"), f"{row.name!r} again", "a name of its own", ""
        taken.add(row.name)
        yield from limit_faults(path, row.min, row.max, "`min`, `max` or both")
        for stage, products in row.sum.items():
            where = (*path, "sum", stage)
            if stage not in symbols:
                yield (
                    where,
                    f"no stage {stage!r}",
                    ", ".join(symbols),
                    near_miss(stage, list(symbols)),
                )
                continue
            used = {symbol for _, powers in products for symbol, _ in powers}
            for unknown in sorted(used - symbols[stage]):
                known = sorted(symbols[stage])
                yield where, repr(unknown), ", ".join(known), near_miss(unknown, known)


def _volume_faults(spec: Spec, volume: VolumeSpec) -> Iterator[CrossFault]:
    """Lists with one number for each body stage."""
    stages = len(spec.space.stages)
    for name, given in dict(volume).items():
        if isinstance(given, tuple) and len(given) != stages:
            accepted = f"{stages} numbers, one per body stage"
            yield ("objective", "volume", name), f"{len(given)} numbers", accepted, ""
    weights = [volume.weight * w for w in volume.weights or (1.0,)]
    depths = volume.depth if isinstance(volume.depth, tuple) else (volume.depth,)
    if volume.per_block and min(w * d for w in weights for d in depths) < 0:
        accepted = "a weight of depth not below 0, or `per_block: 0` for plain ln(depth)"
        yield ("objective", "volume", "depth"), "a negative weight of depth", accepted, ""


def _entropy_faults(spec: Spec, entropy: EntropySpec) -> Iterator[CrossFault]:
    path: Path = ("objective", "entropy")
    scales = scale_names(spec)
    if entropy.weights is not None and len(entropy.weights) != len(scales):
        accepted = f"{len(scales)} weights, one per scale, which end with {', '.join(scales)}"
        yield (*path, "weights"), f"{len(entropy.weights)} weights", accepted, ""
    stages = len(spec.space.stages)
    if isinstance(entropy.depth_stages, tuple):
        outside = [s for s in entropy.depth_stages if not 1 <= s <= stages]
        if (
            outside
            or not entropy.depth_stages
            or len(set(entropy.depth_stages)) < len(entropy.depth_stages)
        ):
            accepted = f"distinct stages from 1 to {stages}, all, or last3"
            yield (*path, "depth_stages"), str(list(entropy.depth_stages)), accepted, ""
