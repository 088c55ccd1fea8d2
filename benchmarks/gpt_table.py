"""Which objective picks the best of 10,000 GPT-2-like networks of measured perplexity.

For budgets on params and on each device's latency, at 9 quantiles each, every objective picks its
best row among those that keep the budget; its regret is the perplexity of that row less the best
perplexity of any row that truly keeps it. Latency budgets use a linear model, fitted on 1,000
rows. Data: HW-GPT-Bench (Apache-2.0), in ../shared/data/hw_gpt_bench.

    python benchmarks/gpt_table.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from mathdesign.spaces.transformer.entropy import layer_entropy
from mathdesign.spaces.transformer.network import Transformer
from mathdesign.spaces.transformer.shape import Layer, Stack, Style
from mathdesign.spaces.transformer.volume import volume

TABLE = Path(__file__).parents[2] / "shared/data/hw_gpt_bench/gpt_s.csv.gz"
VOCABULARY, CONTEXT = 50254, 1024
QUANTILES = np.arange(1, 10) / 10
FITTED_ROWS, SEED = 1000, 0


def layers(row: object) -> list[Layer]:
    """The layers of one row: heads of 64 channels, a gated feed-forward part."""
    heads, ratios = (list(map(int, str(t).split())) for t in (row.n_head, row.mlp_ratio))
    return [Layer(h, h, 64, r * row.embed_dim, True) for h, r in zip(heads, ratios)]


def network(row: object) -> Transformer:
    """One row as a network."""
    style = Style("layer", bias=bool(row.bias))
    stack = (Stack(int(row.embed_dim), tuple(layers(row))),)
    return Transformer(
        "row", "decoder_lm", stack, VOCABULARY, CONTEXT, "rotary", tied=False, style=style
    )


def objectives(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Every objective of every row, greater is better."""
    found: dict[str, list[float]] = {
        "volume": [], "entropy (default)": [], "non_embedding_params": [],
    }  # fmt: skip
    for row in table.itertuples():
        width = int(row.embed_dim)
        parts = layers(row)
        found["entropy (default)"].append(sum(layer_entropy(width, x, CONTEXT) for x in parts))
        found["volume"].append(volume(network(row)))
        found["non_embedding_params"].append(network(row).non_embedding_params())
    arrays = {name: np.array(values, float) for name, values in found.items()}
    return arrays | {"params": table.params.to_numpy(float), "macs": table.macs.to_numpy(float)}


def design_matrix(table: pd.DataFrame) -> np.ndarray:
    """What a latency is linear in: all are sums over layers, or fixed by the width."""
    heads = table.n_head.map(lambda t: sum(map(int, t.split()))).to_numpy(float)
    ratio = table.mlp_ratio.map(lambda t: sum(map(int, t.split()))).to_numpy(float)
    d, depth = table.embed_dim.to_numpy(float), table.n_layer.to_numpy(float)
    one = np.ones(len(table))
    return np.column_stack([one, d, depth, d * depth, d * d * ratio, d * heads, heads, d * ratio])


def main() -> None:
    """Print the tables."""
    if not TABLE.exists():
        sys.exit(f"no table at {TABLE}")
    table = pd.read_csv(TABLE)
    wrong = sum(network(row).params() != row.params for row in table.itertuples())
    print(f"params recounted to the unit: {len(table) - wrong:,} of {len(table):,} rows")
    scores, perplexity = objectives(table), table.perplexity.to_numpy()
    features = design_matrix(table)
    some = np.random.default_rng(SEED).choice(len(table), FITTED_ROWS, replace=False)
    rest = np.setdiff1d(np.arange(len(table)), some)
    budgets = {"params": (table.params.to_numpy(float), table.params.to_numpy(float))}
    for column in [c for c in table if c.startswith("lat_")]:
        true = table[column].to_numpy(float)
        # Relative errors: the fastest networks count as much as the slowest.
        weights, *_ = np.linalg.lstsq(features[some] / true[some, None], np.ones(FITTED_ROWS))
        fitted = features @ weights
        squared = ((fitted - true)[rest] ** 2).sum() / ((true[rest] - true[rest].mean()) ** 2).sum()
        print(f"{column:16} linear model on {FITTED_ROWS:,} rows: R2 {1 - squared:.4f} on the rest")
        budgets[column] = (fitted, true)
    print(f"\nmean regret in perplexity over {len(QUANTILES)} budgets")
    names = [*scores, "random"]
    print(f"{'budget':16}", *(f"{n:>21}" for n in names))
    means = []
    for name, (fitted, true) in budgets.items():
        rows = [regrets(scores, perplexity, fitted, true, q) for q in QUANTILES]
        mean = np.mean([r for r in rows if r], axis=0)
        means.append(mean)
        print(f"{name:16}", *(f"{m:21.3f}" for m in mean))
    for label, part in (("latency, mean", means[1:]), ("all, half each", None)):
        mean = np.mean(part, axis=0) if part else (means[0] + np.mean(means[1:], axis=0)) / 2
        print(f"{label:16}", *(f"{m:21.3f}" for m in mean))


def regrets(scores, perplexity, fitted, true, quantile) -> list[float]:  # type: ignore[no-untyped-def]
    """Regret of each objective's pick and of a random one, at one quantile of the cost."""
    limit = np.quantile(true, quantile)
    allowed = np.flatnonzero(fitted <= limit)
    if not len(allowed):
        return []
    best = perplexity[true <= limit].min()
    picks = [perplexity[allowed[np.argmax(s[allowed])]] - best for s in scores.values()]
    return [*picks, perplexity[allowed].mean() - best]


if __name__ == "__main__":
    main()
