"""Log-volume, entropy, params and multiply-adds as objectives of decoders, on every table of trained ones at hand.

Under budgets at the quantiles 0.1 to 0.9 of params and of multiply-adds, each objective picks its best
row (of several equal ones the mean); its regret is the loss of that row less the least loss of any row
that keeps the budget. Kendall's tau is between an objective and quality over all rows.

* `gpt_s`, `gpt_m`, `gpt_l`: GPT-2-like networks of HW-GPT-Bench (Apache-2.0), perplexity with weights
  inherited from a supernet. `gpt_s` is in ../shared/data; the larger two are in the history of
  github.com/automl/HW-GPT-Bench (commit 795cba8, arch_ppl_bench_m and _l): name the folder that holds
  them with --hw-gpt-bench. Their pickles are read without any class.
* `gemstones`: 22 decoders of 50 M to 2 B, each trained on its own; loss after 100 billion tokens
  (MIT, in ../shared/data). Heads of 128 channels, half as many for keys and values, gated feed-forward
  of 4 widths: their params recount to the unit.

    python benchmarks/decoder_tables.py [--hw-gpt-bench FOLDER]
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from mathdesign.spaces.transformer.entropy import entropy
from mathdesign.spaces.transformer.network import Transformer
from mathdesign.spaces.transformer.shape import Layer, Stack, Style
from mathdesign.spaces.transformer.volume import volume

DATA = Path(__file__).parents[2] / "shared/data"
VOCABULARY, CONTEXT, GEM_VOCABULARY, GEM_CONTEXT = 50254, 1024, 50304, 2048
QUANTILES = np.arange(1, 10) / 10
GEM_TOKENS = 100_034_150_400
OBJECTIVES = ("volume", "entropy", "params", "macs", "random")


@dataclass(frozen=True)
class Table:
    """Networks and their losses (less is better)."""

    networks: list[Transformer]
    loss: np.ndarray
    recounted: int | None = None
    """Rows whose params, as published, are counted to the unit; ``None``: none are published."""


class Plain(pickle.Unpickler):
    """Numbers, texts, lists and mappings; never a class, so that nothing is run."""

    def find_class(self, module: str, name: str) -> Any:
        """Refuses every class."""
        raise pickle.UnpicklingError(f"{module}.{name}: accepted: plain data")


def gpt(
    width: int, heads: Iterable[int], ratios: Iterable[int], bias: bool, norms: str = "layer"
) -> Transformer:
    """A network of HW-GPT-Bench: heads of 64 channels, gated feed-forward, rotary, untied."""
    layers = tuple(Layer(h, h, 64, r * width, True) for h, r in zip(heads, ratios))
    style = Style(norms, bias=bias)  # type: ignore[arg-type]  # a literal
    return Transformer(
        "row", "decoder_lm", (Stack(width, layers),), VOCABULARY, CONTEXT, "rotary", False, style
    )


def gpt_s() -> Table:
    """The table of ../shared/data."""
    rows = pd.read_csv(DATA / "hw_gpt_bench/gpt_s.csv.gz")
    networks = [
        gpt(int(r.embed_dim), map(int, r.n_head.split()), map(int, r.mlp_ratio.split()), bool(r.bias))
        for r in rows.itertuples()
    ]  # fmt: skip
    same = sum(n.params() == p for n, p in zip(networks, rows.params))
    return Table(networks, rows.perplexity.to_numpy(float), same)


def gpt_from(folder: Path, size: str) -> Table:
    """All rows of one size, each network once (the mean of its perplexities)."""
    found: dict[Any, list[float]] = {}
    files = sorted((folder / f"arch_ppl_bench_{size}").glob("ppl_observations_tracker_*.pkl"))
    for file in files:
        with file.open("rb") as opened:
            for row in Plain(opened).load():
                arch: Mapping[str, Any] = row["arch"]
                depth = arch["sample_n_layer"]
                heads, ratios = arch["sample_n_head"][:depth], arch["sample_mlp_ratio"][:depth]
                key = arch["sample_embed_dim"], tuple(heads), tuple(ratios), arch["sample_bias"]
                found.setdefault(key, []).append(float(row["perplexity"]))
    networks = [gpt(*key) for key in found]
    return Table(networks, np.array([np.mean(v) for v in found.values()]))


def gemstones() -> Table:
    """Losses after the same number of tokens."""
    rows = pd.read_csv(DATA / "gemstones/hot.csv.gz")
    rows = rows[rows.tokens == GEM_TOKENS]
    networks = []
    for row in rows.itertuples():
        heads = row.width // 128
        layer = Layer(heads, max(1, heads // 2), 128, 4 * row.width, True)
        stack = Stack(int(row.width), (layer,) * int(row.depth))
        networks.append(
            Transformer(
                "row", "decoder_lm", (stack,), GEM_VOCABULARY, GEM_CONTEXT, "rotary", False, Style()
            )
        )
    same = sum(n.params() == p for n, p in zip(networks, rows.params_active_precise))
    return Table(networks, rows.final_loss.to_numpy(float), same)


def main() -> None:
    """Print a block a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hw-gpt-bench", type=Path, help="folder with arch_ppl_bench_m and _l")
    folder = parser.parse_args().hw_gpt_bench
    tables = {"gpt_s": gpt_s(), "gemstones": gemstones()}
    if folder is not None:
        tables |= {f"gpt_{size}": gpt_from(folder, size) for size in ("m", "l")}
    print(
        f"{'table':10}{'rows':>7}{'recounted':>11}  {'':16}"
        + "".join(f"{o:>10}" for o in OBJECTIVES)
    )
    for name, table in tables.items():
        show(name, table)


def show(name: str, table: Table) -> None:
    """Regrets by the metric that is bounded, and ranks."""
    scores = {
        "volume": np.array([volume(n) for n in table.networks]),
        "entropy": np.array([entropy(n) for n in table.networks]),
        "params": np.array([n.params() for n in table.networks], float),
        "macs": np.array([n.macs() for n in table.networks], float),
    }
    same = "" if table.recounted is None else f"{table.recounted:,}"
    head = f"{name:10}{len(table.loss):7,}{same:>11}  "
    for metric in ("params", "macs"):
        rows = [regrets(scores, table.loss, scores[metric], q) for q in QUANTILES]
        values = "".join(f"{v:10.3f}" for v in np.mean(rows, axis=0))
        print(f"{head}{f'under {metric}':16}{values}")
        head = " " * len(head)
    taus = [kendalltau(s, -table.loss).statistic for s in scores.values()]
    print(f"{head}{'Kendall':16}" + "".join(f"{t:10.3f}" for t in taus))


def regrets(
    scores: Mapping[str, np.ndarray], loss: np.ndarray, cost: np.ndarray, quantile: float
) -> list[float]:
    """Regret of each objective's pick and of a random row, under one budget."""
    kept = np.flatnonzero(cost <= np.quantile(cost, quantile))
    best = loss[kept].min()
    picks = [loss[kept[s[kept] >= s[kept].max()]].mean() - best for s in scores.values()]
    return [*picks, loss[kept].mean() - best]


if __name__ == "__main__":
    main()
