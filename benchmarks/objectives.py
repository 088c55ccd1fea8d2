"""Which closed form picks good networks: every objective on every table and budget, in one run.

Tables are read by the descriptions that come with the package, from ../shared/data. The free numbers
of the log-volume are chosen by *leaving tables out*: those that rank all tables but one best (Spearman
on denoised labels; two targets of the same networks are one table), then judged on that one. Regret, the
mean over 18 budgets between the 10% and 95% quantiles, judges and never chooses: a single pick jumps.
One table alone has networks with and without squeeze-and-excitation; when it is left out, what the units
are worth comes from RegNetX against RegNetY (timm). How many channels of width a block needs before it
counts in full is not chosen on tables of chains: their depths are small; it is given, and varied.

    python benchmarks/objectives.py                     # about five minutes on one core
    python benchmarks/objectives.py --tables diswot_s1,ofa_mbv3
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from mathdesign.evidence import ranks
from mathdesign.evidence.description import read_description
from mathdesign.evidence.matrix import RANDOM, Case, cases, denoised, missed
from mathdesign.evidence.rows import read_networks
from mathdesign.evidence.trained import Group, Trained, groups, trained_of
from mathdesign.spaces.convnet.network import Network
from mathdesign.spaces.convnet.program import EntropyOptions
from mathdesign.spaces.convnet.volume import VolumeOptions, volume_terms
from mathdesign.spaces.transformer.volume import volume as transformer_volume
from mathdesign.surrogate.reading import read_frame
from mathdesign.validators.convnet.recheck import recheck

DATA = Path(__file__).parents[2] / "shared/data"
FOLDERS = {
    "accel_nasbench": "accel_nasbench", "ofa_mbv3": "fbnet_ofa_latency", "nats_size": "nats_sss",
    "diswot_s1": "diswot_s1", "nasbench201": "nasbench201", "hw_gpt_s": "hw_gpt_bench",
    "gemstones": "gemstones",
}  # fmt: skip
CHAINS = ("accel_nasbench", "ofa_mbv3", "nats_size", "diswot_s1")
DECODERS = ("hw_gpt_s", "gemstones")

#: The numbers that may be chosen; ties go to the first, so the plainest stands first.
RISES = (1.0, 0.0, 2.0)
KERNELS = (0.5, 0.0, 0.25, 0.75, 1.0)
SQUEEZES = (1.0, 1.1, 1.2, 1.35, 1.5, 1.75)
PER_LAYER = (12.0, 0.0, 2.0, 4.0, 8.0, 16.0, 24.0, 48.0)
#: Channels of width that a block of a chain needs before it counts in full, as given: as `objective:
#: {volume: {}}` poses it, and where every block counts alike.
PER_BLOCK = {"": 8.0, ", depth plain": 0.0}
#: The default: rise, kernel, squeeze-and-excitation.
DEFAULT = (1.0, 0.5, 1.35)
#: Variants that are shown beside it; none is chosen.
VARIANTS = {
    "rise 0": (0.0, 0.5, 1.35, 8.0), "rise 2": (2.0, 0.5, 1.35, 8.0),
    "4 channels a block": (1.0, 0.5, 1.35, 4.0), "16 channels a block": (1.0, 0.5, 1.35, 16.0),
    "no SE": (1.0, 0.5, 1.0, 8.0), "kernel 1/4": (1.0, 0.25, 1.35, 8.0),
    "no kernel": (1.0, 0.0, 1.35, 8.0),
}  # fmt: skip
#: What is the default where nothing is chosen.
LEFT_OUT, FIXED = "volume, left out", "volume, default"
DEEPMAD = "DeepMAD's best"
FORMS = tuple(name + label for label in PER_BLOCK for name in (LEFT_OUT, FIXED))
OTHER_DEFAULTS = {"nasbench201": "cell entropy"}


@dataclass(eq=False)
class Table:
    """A table with all that is asked of it more than once."""

    name: str
    trained: Trained
    budgets: list[Case]
    clean: dict[str, Any]
    family: Callable[..., Any] | None
    known: dict[bytes, dict[Any, Any]] = field(default_factory=dict)
    ranks: dict[bytes, float] = field(default_factory=dict)

    def unlike(self, scores: Any) -> float:
        """1 - Spearman's rho on denoised labels, mean over targets."""
        key = same(scores)
        if key not in self.ranks:
            rows = [
                spearmanr(scores, y if self.clean[t] is None else self.clean[t]).statistic
                for t, y in self.trained.labels.items()
            ]
            self.ranks[key] = 1 - float(np.mean(rows))
        return self.ranks[key]

    def regrets(self, scores: Any) -> dict[tuple[str, str], tuple[float, float | None]]:
        """By target and budget kind: raw and denoised."""
        if scores is not None:
            key = same(scores)
            if key in self.known:
                return self.known[key]
        found = {}
        for target, labels in self.trained.labels.items():
            for case in self.budgets:
                raw = float(np.mean(missed(scores, labels, case)))
                clean = self.clean[target]
                smooth = None if clean is None else float(np.mean(missed(scores, clean, case)))
                found[target, case.name] = (raw, smooth)
        if scores is not None:
            self.known[key] = found
        return found

    def share(self, scores: Any) -> float:
        """Regret as a share of a random network's, mean of raw and denoised over everything."""
        random, mine = self.regrets(None), self.regrets(scores)
        return float(
            np.mean(
                [
                    np.mean([m / r for m, r in zip(mine[k], random[k]) if m is not None])
                    for k in mine
                ]
            )
        )


def same(scores: Any) -> bytes:
    """Equal for scores that rank alike by a shift and a scale."""
    centred = scores - scores.mean()
    return bytes(np.round(centred / (np.abs(centred).max() or 1.0), 9).tobytes())


def regnet_squeeze() -> float | None:
    """What squeeze-and-excitation is worth, of :data:`SQUEEZES`: RegNetY against RegNetX in timm.

    The units shift ln(MACs) at equal error; at 0.4 GMACs, the size of the tables. A network of
    twice the multiply-adds has 2^0.625 times the volume (widths and depths grow together).
    """
    path = DATA / "timm_imagenet/timm_imagenet.csv.gz"
    if not path.exists():
        return None
    table = pd.read_csv(path)
    table = table[table.model.str.fullmatch(r"regnet[xy]_\d{3}\.pycls_in1k")].dropna(subset="gmacs")
    size, squeezed = np.log(table.gmacs), table.model.str.startswith("regnety")
    columns = np.column_stack([np.ones(len(table)), size, size**2, squeezed])
    fit, *_ = np.linalg.lstsq(columns, np.log(100 - table.top1), rcond=None)
    shift = fit[3] / (fit[1] + 2 * fit[2] * np.log(0.4))
    worth = float(np.exp(0.625 * shift))
    print(f"squeeze-and-excitation by RegNetX and RegNetY at 0.4 GMACs: {worth:.3f}")
    return min(SQUEEZES, key=lambda s: abs(s - worth))


def read(name: str) -> Table:
    """One table, every objective scored."""
    spec, document = read_description(name)
    frame = read_frame(DATA / FOLDERS[name] / (spec.table or ""))
    networks = read_networks(spec, document, frame)
    trained = trained_of(networks)
    if name == "accel_nasbench":
        scores = {**trained.scores, **published_layers(frame, networks)}
        trained = replace(trained, scores=scores)
    family = None
    if name in CHAINS:
        family = chain_family(list(groups(networks)), trained)
    elif name in DECODERS:
        family = decoder_family(list(groups(networks)), trained)
    clean = {t: denoised(trained.features, y) for t, y in trained.labels.items()}
    return Table(name, trained, cases(spec, trained, 0.1, 0.95, 18), clean, family)


def published_layers(frame: pd.DataFrame, networks: Any) -> dict[str, Any]:
    """DeepMAD's entropies of Accel's own layers: expansion 1 has no first 1x1 convolution.

    The description's space has one; the recount of networks of both blocks does without.
    """
    strides, widths = (1, 2, 2, 2, 1, 2, 1), (16, 24, 40, 80, 96, 192, 320)
    forms = {
        "deepmad (code), own layers": EntropyOptions("tinynas", depth_stages=tuple(range(7))),
        "deepmad (no penalty), own layers": EntropyOptions("tinynas", depth_penalty=0.0),
        "mae-det, own layers": EntropyOptions("mae_det"),
    }
    first = {int(n): row for row, n in reversed(list(enumerate(networks.inverse)))}
    found: dict[str, list[float]] = {name: [] for name in forms}
    records = frame.to_dict("records")
    for n in range(networks.count):
        row = records[first[n]]
        stages: list[dict[str, Any]] = [
            {
                "name": "stem",
                "role": "stem",
                "family": "conv",
                "stride": 2,
                "width": 32,
                "kernel_size": 3,
                "depth": 1,
            }
        ]
        for i, (stride, width) in enumerate(zip(strides, widths)):
            e, k, d = (int(row[f"block{i}_{c}"]) for c in "ekl")
            stage = {
                "name": f"stage{i + 1}",
                "role": "body",
                "stride": stride,
                "width": width,
                "kernel_size": k,
                "depth": d,
            }
            own = (
                {"family": "depthwise_separable"}
                if e == 1
                else {"family": "inverted_residual", "bottleneck": e * width}
            )
            stages.append({**stage, **own})
        stages.append(
            {
                "name": "head",
                "role": "head",
                "family": "conv",
                "stride": 1,
                "width": 1280,
                "kernel_size": 1,
                "depth": 1,
            }
        )
        stages.append(
            {
                "name": "classifier",
                "role": "classifier",
                "family": "classifier",
                "stride": 1,
                "width": 1000,
                "depth": 1,
            }
        )
        data = {"name": "row", "input": {"channels": 3, "size": 224}, "stages": stages}
        net = Network.from_dict(data)
        for name, options in forms.items():
            found[name].append(recheck(net, entropy=options).objective)
    return {name: np.array(values) for name, values in found.items()}


def chain_family(parts: list[Group], trained: Trained) -> Callable[..., Any]:
    """Log-volumes of any numbers, from the terms that the program is posed with."""
    ready = []
    for group in parts:
        posed = group.pose("volume", {"volume": {}})
        points = group.points(posed)
        every = np.concatenate(points)
        lengths = np.array([len(p) for p in points])
        ready.append((group.rows, posed, every, lengths))
    count = len(trained.features)

    def scores(rise: float, kernel: float, squeeze: float, per_block: float) -> Any:
        found = np.zeros(count)
        options = VolumeOptions(
            rise=rise, kernel_size=kernel, squeeze_excitation=squeeze, per_block=per_block
        )
        for rows, posed, every, lengths in ready:
            terms, depths, constant = volume_terms(posed.space, options)
            columns = posed.program.columns
            total = np.full(len(every), constant)
            for term in terms:
                total += term.weight * np.log(every[:, columns[term.stage, term.decision]])
            for depth in depths:
                own = (every[:, columns[depth.stage, name]] for name in ("depth", "width"))
                total += depth.at(*own)
            found[rows] = np.add.reduceat(total, np.cumsum([0, *lengths[:-1]])) / lengths
        return found

    return scores


def decoder_family(parts: list[Group], trained: Trained) -> Callable[..., Any]:
    """Log-volumes of decoders by how many channels a layer needs."""
    nets: list[Any] = [None] * len(trained.features)
    for group in parts:
        label = next(iter(group.rivals))
        posed = group.pose(label, group.rivals[label])
        for row, points in zip(group.rows, group.points(posed)):
            nets[row] = group.kind.network(posed, [int(v) for v in points[0]])
    return lambda per_layer: np.array([transformer_volume(net, per_layer) for net in nets])


# ---- choosing ------------------------------------------------------------------------------------


def choices(tables: list[Table], grid: list[tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
    """By table left out, and for none: the numbers that rank all others best."""
    unlike = {
        t.name: {g: t.unlike(t.family(*g)) for g in grid} for t in tables if t.family is not None
    }
    found = {}
    for left in [*unlike, "none"]:
        rest = [s for name, s in unlike.items() if name != left]
        if rest:
            found[left] = min(grid, key=lambda g: round(float(np.mean([s[g] for s in rest])), 12))
    return found


# ---- printing ------------------------------------------------------------------------------------


def show(table: Table, extra: dict[str, Any], *, intervals: bool) -> None:
    """One table: objectives by budget kinds, raw and denoised."""
    scores = {**extra, **table.trained.scores, RANDOM: None}
    for target, labels in table.trained.labels.items():
        networks = f"{len(labels):,} networks"
        print(f"\n{table.name}, {target}, {networks}: mean regret, raw / denoised")
        print(f"{'':34}", *(f"{case.name:>15}" for case in table.budgets), "  Spearman, Kendall")
        for name, values in scores.items():
            found = table.regrets(values)
            cells = []
            for case in table.budgets:
                raw, smooth = found[target, case.name]
                cells.append(f"{raw:.3f}" + ("" if smooth is None else f" / {smooth:.3f}"))
            words = ""
            if values is not None and intervals:
                rho, tau = ranks.ranked(values, labels)
                words = f"  {ranks.words(rho)}, {ranks.words(tau)}"
            print(f"{name:34}", *(f"{cell:>15}" for cell in cells), words, flush=True)


def means(table: Table, scores: Any) -> tuple[float, float]:
    """Mean raw regret over targets and budget kinds, and its share of random's."""
    return float(np.mean([raw for raw, _ in table.regrets(scores).values()])), table.share(scores)


def rivals(table: Table, chosen: dict[str, Any]) -> dict[str, Any]:
    """Everything scored; DeepMAD at its best form on this table, whichever that is."""
    own = {**table.trained.scores, **chosen, RANDOM: None}
    forms = [n for n in own if n.startswith("deepmad")] or [n for n in own if n == "entropy"]
    if forms:
        own[DEEPMAD] = own[min(forms, key=lambda n: means(table, own[n])[0])]
    return own


def summary(tables: list[Table], chosen: dict[str, dict[str, Any]]) -> None:
    """Every table in one line, then the means of those that DeepMAD's objective can score."""
    columns = [*FORMS, DEEPMAD, "params", "macs", RANDOM]
    print("\nmean raw regret over targets and budget kinds (share of random's, raw and denoised)")
    print(f"{'table':16}", *(f"{c:>26}" for c in columns), "   worst ratio to the better rival")
    rows = {c: [] for c in columns}  # type: dict[str, list[tuple[float, float]]]
    cells = {c: [] for c in columns}  # type: dict[str, list[float]]
    for table in tables:
        own = rivals(table, chosen[table.name])
        words = []
        for column in columns:
            if column not in own:
                words.append("-")
                continue
            words.append("{:.3f} ({:.3f})".format(*means(table, own[column])))
        if DEEPMAD in own:  # means are of the tables that all can score
            for column in set(columns) & set(own):
                rows[column].append(means(table, own[column]))
                random, mine = table.regrets(None), table.regrets(own[column])
                cells[column] += [mine[k][0] / random[k][0] for k in mine]
        better = min(means(table, own[c])[0] for c in (DEEPMAD, "params") if c in own)
        ratios = [means(table, own[c])[0] / better for c in FORMS if c in own]
        print(
            f"{table.name:16}",
            *(f"{w:>26}" for w in words),
            "  ",
            ", ".join(f"{r:.2f}" for r in ratios),
        )
    over = [
        "{:.3f} ({:.3f})".format(*np.mean(rows[c], axis=0)) if rows[c] else "-" for c in columns
    ]
    print(f"{'mean of tables':16}", *(f"{w:>26}" for w in over))
    each = [f"({np.mean(cells[c]):.3f})" if cells[c] else "-" for c in columns]
    print(f"{'mean of cells':16}", *(f"{w:>26}" for w in each), "   share of random's, raw")


def tables_of(names: list[str]) -> Iterator[Table]:
    """Those that are there, with the time that each took."""
    for name in names:
        spec, _ = read_description(name)
        if not (DATA / FOLDERS[name] / (spec.table or "")).exists():
            print(f"no table at {DATA / FOLDERS[name]}: skipped")
            continue
        start = time.monotonic()
        yield read(name)
        print(f"read {name} in {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", default=",".join(FOLDERS))
    parser.add_argument("--no-intervals", action="store_true", help="Leave out the correlations.")
    options = parser.parse_args()
    tables = list(tables_of(options.tables.split(",")))
    chains = [t for t in tables if t.name in CHAINS]
    decoders = [t for t in tables if t.name in DECODERS]
    chosen: dict[str, dict[str, Any]] = {t.name: {} for t in tables}
    worth = regnet_squeeze() if chains else None
    squeezes = sorted(SQUEEZES, key=lambda s: s != worth)
    for label, given in PER_BLOCK.items():
        grid = [(*g, given) for g in itertools.product(RISES, KERNELS, squeezes)]
        words = f"rise, kernel, SE; {given:g} channels a block, given"
        choose(chains, grid, (*DEFAULT, given), words, chosen, label)
    every: list[tuple[float, ...]] = [(k,) for k in PER_LAYER]
    for label in PER_BLOCK:  # decoders have one form
        choose(decoders, every, every[0], "channels a layer", chosen, label)
    for table in chains:
        assert table.family is not None
        for label, numbers in VARIANTS.items():
            chosen[table.name][f"volume, {label}"] = table.family(*numbers)
    for table in tables:
        if (other := OTHER_DEFAULTS.get(table.name)) is not None:
            chosen[table.name] |= dict.fromkeys(FORMS, table.trained.scores[other])
        show(table, chosen[table.name], intervals=not options.no_intervals)
    for name, members in (("chains", chains), ("all", tables)):
        if members:
            print(f"\n{name}", end="")
            summary(members, chosen)


def choose(
    tables: list[Table], grid: list[tuple[float, ...]], default: tuple[float, ...], words: str,
    chosen: dict[str, dict[str, Any]], label: str,
) -> None:  # fmt: skip
    """Numbers by table left out, printed, and the scores that they and the default give."""
    found = choices(tables, grid) if len(tables) > 1 else {}
    if found:
        print(f"\nchosen without the table, {words}:")
    for left, numbers in found.items():
        print(f"  {left:16} {', '.join(f'{n:g}' for n in numbers)}")
    for table in tables:
        assert table.family is not None
        if table.name in found:
            chosen[table.name][LEFT_OUT + label] = table.family(*found[table.name])
        chosen[table.name][FIXED + label] = table.family(*default)


if __name__ == "__main__":
    main()
