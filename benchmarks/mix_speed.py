"""How long transformers take to be proven: InstaTune's 12^12 and a heterogeneous decoder.

python benchmarks/mix_speed.py
"""

from __future__ import annotations

import time

import mathdesign
from mathdesign.spaces.transformer.pose import to_mix_problem

BERT = """
name: {name}
space:
  family: encoder
  vocabulary: 30522
  context: 512
  token_types: 2
  embedding_norm: true
  pooler: true
  norm_first: false
  stacks:
    - {{width: 768, depth: 12, heads: [6, 8, 10, 12], head_size: 64, ffn: [1024, 2048, 3072]}}
at: {{length: 128}}
budgets: {{macs: {budget}M}}
solve: {{gap: 0}}
"""
DECODER = """
name: {name}
space:
  family: decoder_lm
  vocabulary: 49152
  context: 2048
  stacks:
    - {{width: 512..2048/128, depth: 32, head_size: 64, heads: [8, 12, 16, 20, 24, 32],
       kv_heads: [1, 2, 4, 8], ffn_ratio: [1.5, 2, 2.5, 3, 3.5, 4], gated: true,
       attention: [softmax, linear], softmax_every: 4}}
linear_metrics:
  - name: latency_us
    terms: {{constant: 210, layers: 41.5, token_macs: 2.1e-5, kv_cache_bytes: 3.3e-6}}
budgets: {{params: {budget}M, token_macs: {macs}M, kv_cache_bytes: {cache}M, latency_us: {us}}}
solve: {{gap: {gap}, time_limit: 30 s}}
"""


def main() -> None:
    """Print one line a problem."""
    mathdesign.design(mathdesign.loads(BERT.format(name="warm-up", budget=9000)))
    print(f"{'problem':22}{'designs':>10}{'pose s':>9}{'all s':>8}{'gap':>10}  status")
    for budget in (5000, 7000, 9000, 10500):
        report(f"instatune-{budget}M-macs", BERT.format(name="bert", budget=budget))
    for budget, gap in ((300, "0.5%"), (300, 0), (700, "0.5%"), (700, 0), (1200, "0.5%")):
        text = DECODER.format(
            name="lm",
            budget=budget,
            macs=budget,
            cache=budget // 12,
            us=1000 + 12 * budget,
            gap=gap,
        )
        report(f"decoder-{budget}M-{gap}", text)


def report(name: str, text: str) -> None:
    """Design one specification and print what it took."""
    spec = mathdesign.loads(text)
    begin = time.perf_counter()
    size = to_mix_problem(spec).program.size
    posed = time.perf_counter() - begin
    begin = time.perf_counter()
    found = mathdesign.design(spec)
    seconds = time.perf_counter() - begin
    certificate = found.certificate
    print(
        f"{name:22}{float(size):10.2g}{posed:9.2f}{seconds:8.2f}{certificate.gap:10.2g}  "
        f"{certificate.status}"
    )


if __name__ == "__main__":
    main()
