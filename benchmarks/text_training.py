"""Language models of two million weights on the text that ships with Python: bits per byte.

The proven optimum of the default objective (under a limit on all weights and on the multiply-adds
of a token) against GPT-2's shape, scaled by hand to the same size: same text, steps, batches and
seeds. Steps are fixed, not minutes. Run:

    python benchmarks/text_training.py --steps 120 --seeds 3
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import mathdesign
from mathdesign.export.transformer.module import build
from mathdesign.spaces.transformer.network import Layer, Stack, Style, Transformer
from mathdesign.validators.training.images import initialised
from mathdesign.validators.training.text import TextOptions, train_text
from mathdesign.validators.training.text_data import encoding, load_text

LIMIT, CONTEXT, VOCABULARY = 2_000_000, 128, 256


def gpt2() -> Transformer:
    """Width 160 at GPT-2's proportions (heads of 32, four times the width inside): 6 layers."""
    stack = Stack(160, (Layer(5, 5, 32, 640),) * 6)
    style = Style("layer", bias=True)
    return Transformer("gpt2", "decoder_lm", (stack,), VOCABULARY, CONTEXT, "learned", style=style)


def gpt2_rotary() -> Transformer:
    """The same with rotary positions: how much of the difference is theirs."""
    return replace(gpt2(), name="gpt2-rot", positions="rotary")


DESIGN = """
name: designed
space:
  family: decoder_lm
  vocabulary: 256
  context: 128
  stacks:
    - {width: 64..384/32, depth: 3..12, head_size: 32, heads: 2..12, kv_heads: [1, 2, 3, 4, 6],
       ffn_ratio: 2..4/0.5}
budgets: {params: 2M, token_macs: MACS}
solve: {gap: 0}
"""


def designed(macs: int) -> Transformer:
    """The proven optimum of the default objective under the same params and multiply-adds."""
    return mathdesign.design(mathdesign.loads(DESIGN.replace("MACS", str(macs)))).network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    text = load_text()
    how = encoding(text, VOCABULARY)
    baseline = gpt2()
    nets = (designed(int(1.1 * baseline.token_macs())), baseline, gpt2_rotary())
    for net in nets:
        layer = net.stacks[0].layers[0]
        print(
            f"{net.name}: {net.depth} layers of {net.width}, {layer.heads} heads "
            f"({layer.kv_heads} for keys and values), inner width {layer.ffn}; "
            f"{net.params():,} weights, {net.token_macs():,} multiply-adds a token"
        )
    print("seed  shape     steps  bits per byte  CPU s")
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
                f"{seed:4}  {net.name:8}  {args.steps:5}  {bits[-1]:13.4f}  "
                f"{result.cpu_seconds:5.0f}",
                flush=True,
            )
        wins += bits[0] < bits[1]
    print(f"the designed network is better on {wins} of {args.seeds} seeds")


if __name__ == "__main__":
    main()
