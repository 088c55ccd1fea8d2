"""Does a deep network of each family learn? 1, 10 or 30 blocks or layers, digits, a few epochs.

    python benchmarks/trainable.py --depths 1,10,30 --seeds 3
    python benchmarks/trainable.py --depths 1,10,30 --only vit --epochs 8

Prints test accuracy and CPU seconds of every run. The tests of the same name in
`tests/spaces/convnet/families` and `tests/export/transformer` hold the deepest networks to 95%.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from mathdesign.export import convnet
from mathdesign.export.transformer import module as transformers
from mathdesign.spaces.convnet.families import BODY_FAMILIES, FAMILIES
from mathdesign.spaces.convnet.network import Network
from mathdesign.spaces.transformer.network import Image, Layer, Stack, Style, Transformer
from mathdesign.validators.training.data import load, split
from mathdesign.validators.training.images import initialised, train
from mathdesign.validators.training.recipe import TrainingOptions

if TYPE_CHECKING:
    from torch import nn

SIZE, WIDTH = 8, 32
#: Families of transformers that read images: pixels along a side of a patch, tokens pooled halfway.
PATCHES = {"vit": (2, 1), "vit, 4 patches": (4, 1), "hierarchical_vit": (2, 4)}
#: What a stage of each kind takes beside width, kernel and depth.
INNER = {"bottleneck": 16, "inverted_residual": 64, "convnext": 64, "regnet": 32}


def kinds() -> dict[str, dict[str, object]]:
    """Every family, and once more with each of its options, as the words of a stage."""
    found: dict[str, dict[str, object]] = {}
    for name in BODY_FAMILIES:
        words: dict[str, object] = {"family": name}
        if name in INNER:
            words["bottleneck"] = INNER[name]
        if "group_width" in FAMILIES[name].decisions:
            words["group_width"] = 8
        found[name] = words
        for option in FAMILIES[name].options:
            found[f"{name}, {option.name}"] = {**words, option.name: True}
    return found


def network(kind: str, depth: int) -> Network:
    """A stem, one stage of that many blocks, a classifier."""
    common = {"stride": 1, "width": WIDTH, "kernel_size": 3, "depth": 1}
    stem = {"name": "stem", "role": "stem", "family": "conv", **common}
    stage = {
        "name": "stage",
        "role": "body",
        **common,
        "stride": 2,
        "depth": depth,
        **kinds()[kind],
    }
    end = {"name": "end", "role": "classifier", "family": "classifier", "stride": 1, "width": 10,
           "depth": 1}  # fmt: skip
    document = {"name": kind, "input": {"channels": 1, "size": SIZE}, "stages": [stem, stage, end]}
    return Network.from_dict(document)


def transformer(kind: str, depth: int) -> Transformer:
    """That many layers of two heads and twice the width inside; the second half may be pooled."""
    patch, pool = PATCHES[kind]
    layers = (Layer(2, 2, WIDTH // 2, 2 * WIDTH),) * depth
    halves = (layers,) if pool == 1 else (layers[: depth // 2], layers[depth // 2 :])
    stacks = tuple(
        Stack(WIDTH, half, pool if i == len(halves) - 1 else 1)
        for i, half in enumerate(halves)
        if half
    )
    return Transformer(
        kind, kind.split(",")[0], stacks, positions="learned", style=Style("layer"),
        image=Image(1, SIZE, patch), classes=10,
    )  # fmt: skip


def build(kind: str, depth: int) -> nn.Module:
    """The freshly initialised network."""
    if kind in PATCHES:
        return transformers.build(transformer(kind, depth))
    return convnet.build(network(kind, depth))


def accuracy(kind: str, depth: int, epochs: int, seed: int = 0) -> float:
    """On the test part, after so many epochs of the usual recipe in batches of 32."""
    digits = split(load("digits", channels=1, size=SIZE, classes=10), seed)
    module = initialised(lambda: build(kind, depth), seed)
    options = TrainingOptions(epochs=epochs, batch_size=32, seed=seed, device="cpu")
    return train(module, digits, options).test_accuracy


def main() -> None:
    """A line a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--depths", default="1,10,30")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", default="", help="families whose name has this in it")
    options = parser.parse_args()
    for kind in (k for k in (*kinds(), *PATCHES) if options.only in k):
        for depth in map(int, options.depths.split(",")):
            for seed in range(options.seeds):
                begin = time.process_time()
                reached = accuracy(kind, depth, options.epochs, seed)
                seconds = time.process_time() - begin
                print(
                    f"{kind:38} {depth:3} blocks  seed {seed}  {reached:7.2%}  {seconds:5.1f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
