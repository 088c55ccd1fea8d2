"""The tensors of a network with their sizes and lives, counted block by block in plain integers.

Written beside the families' own symbols on purpose, as the unrolled layers are: from this come the
recount of the peak, the place where it occurs, and the arena that a runtime needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from mathdesign.memory.arena import Buffer
from mathdesign.memory.figures import Held
from mathdesign.memory.steps import MemoryOptions
from mathdesign.spaces.convnet.families.base import UnrolledLayer
from mathdesign.spaces.convnet.network import Network, NetworkStage


@dataclass(frozen=True, slots=True)
class Run:
    """One operator that runs: where, what it reads and what it writes, as numbers of tensors."""

    where: str
    reads: tuple[int, ...]
    writes: int
    overwrites: bool = False
    """It may write over what it reads: a depthwise convolution."""


@dataclass(slots=True)
class Tape:
    """Operators in the order of their execution, and the numbers that each tensor holds."""

    values: list[int] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    place: str = ""

    def run(self, what: str, reads: Iterable[int], values: int, *, overwrites: bool = False) -> int:
        """The tensor that an operator writes."""
        self.values.append(values)
        made = len(self.values) - 1
        self.runs.append(Run(f"{self.place}: {what}", tuple(reads), made, overwrites))
        return made

    @property
    def lives(self) -> list[tuple[int, int]]:
        """First and last operator of each tensor, by its number; the input is there at the first."""
        lives = [(0, 0)] * len(self.values)
        for i, run in enumerate(self.runs):
            lives[run.writes] = (i, i)
            for tensor in run.reads:
                lives[tensor] = (lives[tensor][0], i)
        return lives


def held(network: Network, options: MemoryOptions) -> Held:
    """What the network holds while it runs, operator by operator."""
    return held_of(taped(network), options)


def held_of(tape: Tape, options: MemoryOptions) -> Held:
    """The same of operators in order."""
    lives, size = tape.lives, options.value_bytes
    over = dict(_overwritten(tape, lives)) if options.in_place_depthwise else {}
    change = [0] * (len(tape.runs) + 1)
    for values, (first, last) in zip(tape.values, lives):
        change[first] += values
        change[last + 1] -= values
    most, where, now = 0, "", 0
    for i, run in enumerate(tape.runs):
        now += change[i]
        shared = over.get(run.writes)
        spared = 0 if shared is None else min(tape.values[run.writes], tape.values[shared])
        if now - spared > most:
            most, where = now - spared, run.where
    buffers = tuple(_buffers(tape, lives, over, size))
    return Held(most * size, where, len(tape.runs), buffers)


def _overwritten(tape: Tape, lives: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Tensors that are written over another one, and which."""
    for i, run in enumerate(tape.runs):
        if run.overwrites and lives[run.reads[0]][1] == i:
            yield run.writes, run.reads[0]


def _buffers(
    tape: Tape, lives: list[tuple[int, int]], over: Mapping[int, int], size: int
) -> Iterator[Buffer]:
    """One a tensor, or one as large as the larger for a tensor and what is written over it."""
    gone = set(over.values())
    for t, (first, last) in enumerate(lives):
        if t in gone:
            continue
        values = tape.values[t]
        while t in over:
            t = over[t]
            first, values = lives[t][0], max(values, tape.values[t])
        yield Buffer(f"tensor {t}", first, last + 1, values * size)


def taped(network: Network) -> Tape:
    """Every operator of a network. Raises ``KeyError`` for families that are not counted here."""
    tape = Tape([network.input_channels * network.input_size**2])
    x = 0
    for stage in network.stages:
        for index in range(stage.choice["depth"]):
            tape.place = f"{stage.name}, block {index + 1}"
            x = BLOCKS[stage.family](tape, x, stage, index)
    return tape


def _sides(stage: NetworkStage, index: int) -> tuple[int, int, int]:
    """Channels that enter a block, positions that enter it, positions that leave it."""
    after = stage.shape.resolution_out**2
    return (
        (stage.width, after, after) if index else (stage.prev, stage.shape.resolution_in**2, after)
    )


def _conv(tape: Tape, x: int, stage: NetworkStage, index: int) -> int:
    return tape.run("convolution", [x], stage.width * stage.shape.resolution_out**2)


def _pooled_conv(tape: Tape, x: int, stage: NetworkStage, index: int) -> int:
    half = (stage.shape.resolution_in + 1) // 2
    y = tape.run("convolution", [x], stage.width * half**2)
    return tape.run("maximum", [y], stage.width * stage.shape.resolution_out**2)


def _patchify(tape: Tape, x: int, stage: NetworkStage, index: int) -> int:
    y = _conv(tape, x, stage, index)
    return tape.run("norm", [y], tape.values[y])


def _classifier(tape: Tape, x: int, stage: NetworkStage, index: int) -> int:
    means = tape.run("pool", [x], stage.prev)
    return tape.run("linear", [means], stage.width)


def _normed_classifier(tape: Tape, x: int, stage: NetworkStage, index: int) -> int:
    means = tape.run("pool", [x], stage.prev)
    return tape.run("linear", [tape.run("norm", [means], stage.prev)], stage.width)


def _with_shortcut(
    tape: Tape, x: int, y: int, stage: NetworkStage, index: int, *, pools: bool = True
) -> int:
    """The sum of a path and the block's input, the latter projected at the beginning of a stage."""
    c_in, _, after = _sides(stage, index)
    if not index and not stage.shape.identity_shortcut:
        strided = "strided_shortcut" in stage.shape.options
        if pools and stage.shape.stride == 2 and not strided:
            x = tape.run("pool of the shortcut", [x], c_in * after)
        x = tape.run("projection", [x], stage.width * after)
    return tape.run("sum", [y, x], stage.width * after)


def _basic(tape: Tape, x: int, stage: NetworkStage, index: int) -> int:
    values = stage.width * stage.shape.resolution_out**2
    y = tape.run("second convolution", [tape.run("first convolution", [x], values)], values)
    return _with_shortcut(tape, x, y, stage, index)


def _inner_path(tape: Tape, x: int, stage: NetworkStage, index: int, names: tuple[str, str]) -> int:
    """A 1x1 convolution into the bottleneck, and one within it that takes the stride."""
    _, before, after = _sides(stage, index)
    inner = stage.choice["bottleneck"]
    y = tape.run(names[0], [x], inner * before)
    return tape.run(names[1], [y], inner * after, overwrites=names[1].startswith("depthwise"))


def _squeezed(tape: Tape, y: int, channels: int, squeeze: int) -> int:
    means = tape.run("pool of the unit", [y], channels)
    factors = tape.run("excitation", [tape.run("squeeze", [means], squeeze)], channels)
    return tape.run("product", [y, factors], tape.values[y])


def _bottleneck(tape: Tape, x: int, stage: NetworkStage, index: int) -> int:
    y = _inner_path(tape, x, stage, index, ("reduction", "convolution"))
    y = tape.run("expansion", [y], stage.width * stage.shape.resolution_out**2)
    return _with_shortcut(tape, x, y, stage, index)


def _regnet(tape: Tape, x: int, stage: NetworkStage, index: int) -> int:
    y = _inner_path(tape, x, stage, index, ("reduction", "grouped convolution"))
    if "squeeze_excitation" in stage.shape.options:
        y = _squeezed(tape, y, stage.choice["bottleneck"], _sides(stage, index)[0] // 4)
    y = tape.run("expansion", [y], stage.width * stage.shape.resolution_out**2)
    return _with_shortcut(tape, x, y, stage, index, pools=False)


def _inverted_residual(tape: Tape, x: int, stage: NetworkStage, index: int) -> int:
    y = _inner_path(tape, x, stage, index, ("expansion", "depthwise convolution"))
    if "squeeze_excitation" in stage.shape.options:
        inner = stage.choice["bottleneck"]
        y = _squeezed(tape, y, inner, max(1, round(inner / 4) // 8) * 8)
    y = tape.run("reduction", [y], stage.width * stage.shape.resolution_out**2)
    return _kept(tape, x, y, stage, index)


def _depthwise_separable(tape: Tape, x: int, stage: NetworkStage, index: int) -> int:
    c_in, _, after = _sides(stage, index)
    y = tape.run("depthwise convolution", [x], c_in * after, overwrites=True)
    y = tape.run("pointwise convolution", [y], stage.width * after)
    return _kept(tape, x, y, stage, index)


def _kept(tape: Tape, x: int, y: int, stage: NetworkStage, index: int) -> int:
    """The sum with the block's input where shapes agree."""
    agrees = index > 0 or (stage.shape.stride == 1 and stage.prev == stage.width)
    return tape.run("sum", [y, x], tape.values[y]) if agrees else y


def _convnext(tape: Tape, x: int, stage: NetworkStage, index: int) -> int:
    c_in, before, after = _sides(stage, index)
    published = "as_published" in stage.shape.options
    if published and not index and not stage.shape.identity_shortcut:
        y = tape.run("norm of the projection", [x], c_in * before)
        x, c_in = tape.run("projection", [y], stage.width * after), stage.width
    y = tape.run("depthwise convolution", [x], c_in * after, overwrites=True)
    if published:
        y = tape.run("norm", [y], c_in * after)
    y = tape.run("expansion", [y], stage.choice["bottleneck"] * after)
    y = tape.run("reduction", [y], stage.width * after)
    if published:
        return tape.run("sum", [x, y], stage.width * after)
    return _with_shortcut(tape, x, y, stage, index)


#: How a block of each family runs. A test holds the names to those of the registry.
BLOCKS: Mapping[str, Callable[[Tape, int, NetworkStage, int], int]] = {
    "conv": _conv,
    "pooled_conv": _pooled_conv,
    "patchify": _patchify,
    "classifier": _classifier,
    "normed_classifier": _normed_classifier,
    "basic": _basic,
    "bottleneck": _bottleneck,
    "regnet": _regnet,
    "inverted_residual": _inverted_residual,
    "depthwise_separable": _depthwise_separable,
    "convnext": _convnext,
}


def stored(layers: Iterable[UnrolledLayer], options: MemoryOptions) -> int:
    """Bytes of weights and biases: one bias a channel where a norm or a bias was."""
    total = 0
    for layer in layers:
        if layer.op in ("conv", "linear"):
            weights = layer.c_in * layer.c_out * layer.kernel_size**2 // layer.groups
            biases = layer.c_out if layer.bias or layer.batch_norm else 0
        else:
            weights, biases = 0, 2 * layer.c_out if layer.op == "norm" else 0
        total += weights * options.value_bytes + biases * options.bias_bytes
    return total
