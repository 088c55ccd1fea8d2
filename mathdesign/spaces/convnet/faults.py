"""Faults that only show when several parts of a specification are read together."""

from __future__ import annotations

from collections.abc import Iterator

from mathdesign.spaces.convnet.facts import row_symbols, scale_names, stem_stride
from mathdesign.spaces.convnet.words import EntropySpec, Spec, StageSpec
from mathdesign.spec.document import Path
from mathdesign.spec.faults import CrossFault, near_miss
from mathdesign.spec.shared import limit_faults


def cross_faults(spec: Spec) -> Iterator[CrossFault]:
    """Every fault of ``spec`` as a whole, in no particular order."""
    for index, stage in enumerate(spec.space.stages):
        yield from _stage_faults(("space", "stages", index), stage, spec)
    yield from _kernel_faults(("space", "stem"), spec.space.stem.kernel_size)
    yield from _resolution_faults(spec)
    yield from _row_faults(spec)
    objective = spec.objective
    if objective.entropy is not None:
        yield from _entropy_faults(spec, objective.entropy)
        if objective.metric is not None:
            yield (
                ("objective", "metric"), "both `entropy` and `metric`",
                "one of them (metric_weights adds metrics to the entropy)", "metric_weights",
            )  # fmt: skip
    elif objective.metric is None and not objective.metric_weights:
        yield ("objective",), "nothing to maximise", "entropy, metric or metric_weights", ""


def _stage_faults(path: Path, stage: StageSpec, spec: Spec) -> Iterator[CrossFault]:
    family = stage.family or spec.space.family
    yield from _kernel_faults(path, stage.kernel_size)
    if stage.depth[-1] > 1000:
        yield (*path, "depth"), str(stage.depth[-1]), "at most 1000 blocks", ""
    if family == "basic" and stage.bottleneck is not None:
        yield (*path, "bottleneck"), "a bottleneck", "nothing: family basic has none", ""
    if family != "inverted_residual" and stage.expansion is not None:
        yield (*path, "expansion"), "an expansion", "only family inverted_residual", "bottleneck"
    if family in ("bottleneck", "convnext") and stage.bottleneck is None:
        yield (*path, "bottleneck"), "nothing", "the key 'bottleneck' is needed", ""
    if family == "inverted_residual" and (stage.bottleneck is None) == (stage.expansion is None):
        found = "neither" if stage.bottleneck is None else "both"
        yield path, found, "exactly one of bottleneck and expansion", ""
    if stage.shortcut == "identity":
        if stage.stride != 1:
            yield (*path, "shortcut"), "identity with stride 2", "stride 1, or projection", ""
        if family == "inverted_residual":
            yield (
                (*path, "shortcut"), "identity",
                "nothing: this family keeps its input wherever widths and stride allow", "",
            )  # fmt: skip
    if stage.squeeze_excitation is not None and family != "inverted_residual":
        yield (*path, "squeeze_excitation"), "a value", "only family inverted_residual", ""


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
    taken = {"macs", "params", "blocks", "effectiveness"}
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
