"""Language models of two million weights on the text that ships with Python: bits per byte.

A shape found by counting (the most non-embedding weights under a limit on all weights and on the
multiply-adds of a token, shapes within an aspect band) against GPT-2's, scaled by hand to the same
size: same text, steps, batches and seeds. Steps are fixed, not minutes. Run:

    python benchmarks/text_training.py --steps 120 --seeds 3
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator

from mathdesign.export.transformer_module import build
from mathdesign.transformer.architecture import Layer, Stack, Style, Transformer
from mathdesign.validators.text_data import encoding, load_text
from mathdesign.validators.text_training import TextOptions, train_text
from mathdesign.validators.training import initialised

LIMIT, CONTEXT, VOCABULARY = 2_000_000, 128, 256


def gpt2() -> Transformer:
    """Width 160 at GPT-2's proportions (heads of 32, four times the width inside): 6 layers."""
    stack = Stack(160, (Layer(5, 5, 32, 640),) * 6)
    style = Style("layer", bias=True)
    return Transformer("gpt2", "decoder_lm", (stack,), VOCABULARY, CONTEXT, "learned", style=style)


def shapes() -> Iterator[Transformer]:
    """Uniform decoders with gated feed-forward parts and rotary positions."""
    for depth, heads, share in itertools.product(range(3, 13), range(2, 13), (1, 2, 4)):
        width = heads * 32
        if heads % share or not 12 <= width / depth <= 64:
            continue
        for ffn in range(2 * width, 4 * width + 1, 32):
            stack = Stack(width, (Layer(heads, heads // share, 32, ffn, gated=True),) * depth)
            yield Transformer("counted", "decoder_lm", (stack,), VOCABULARY, CONTEXT)


def counted(macs: int) -> Transformer:
    """The most non-embedding weights; of equals, the fewest multiply-adds a token."""
    fits = (net for net in shapes() if net.params() <= LIMIT and net.token_macs() <= macs)
    return max(fits, key=lambda net: (net.non_embedding_params(), -net.token_macs()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    text = load_text()
    how = encoding(text, VOCABULARY)
    baseline = gpt2()
    nets = (counted(int(1.1 * baseline.token_macs())), baseline)
    for net in nets:
        layer = net.stacks[0].layers[0]
        print(
            f"{net.name}: {net.depth} layers of {net.width}, {layer.heads} heads "
            f"({layer.kv_heads} for keys and values), inner width {layer.ffn}; "
            f"{net.params():,} weights, {net.token_macs():,} multiply-adds a token"
        )
    print("seed  shape    steps  bits per byte  CPU s")
    wins = 0
    for seed in range(args.seeds):
        bits = []
        options = TextOptions(
            steps=args.steps, length=CONTEXT, checks=1, seed=seed, threads=args.threads
        )
        for net in nets:
            module = initialised(lambda net=net: build(net), seed)
            result = train_text(module, text, how, options)
            bits.append(result.bits_per_byte)
            print(
                f"{seed:4}  {net.name:7}  {args.steps:5}  {bits[-1]:13.4f}  "
                f"{result.cpu_seconds:5.0f}",
                flush=True,
            )
        wins += bits[0] < bits[1]
    print(f"the counted shape is better on {wins} of {args.seeds} seeds")


if __name__ == "__main__":
    main()
