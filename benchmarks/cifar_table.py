"""A table of our own: random chains that fill a budget of multiply-adds, trained on small images.

Families `bottleneck`, `basic`, `inverted_residual` and `convnext` in turn, budgets of 1, 2, 4 and 8
million, CIFAR-10 averaged to 16x16 pixels, one short recipe. The log is a file a run, written when
the run ends; what is killed goes on from its last epoch, so that the same command resumes.

    python benchmarks/cifar_table.py --out runs/cifar16 --count 480 --jobs 2 --minutes 60
    python benchmarks/cifar_table.py --out runs/cifar16 --count 480 --csv benchmarks/data/cifar16.csv
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from mathdesign.evidence.baselines import LEAST_USE, Candidate
from mathdesign.evidence.recipes import ImageRecipe
from mathdesign.evidence.study import Study, StudyProgress, StudyRun, run_study
from mathdesign.files import write_atomic
from mathdesign.kinds.convnet import Convnet
from mathdesign.spaces.convnet.network import Network
from mathdesign.spaces.errors import NetworkError
from mathdesign.validators.convnet.recheck import count
from mathdesign.validators.training.recipe import TrainingOptions

DATA = Path(__file__).parents[2] / "shared/data/cifar10/train.parquet"
SIZE, CLASSES, IMAGES = 16, 10, 17_000
OPTIONS = TrainingOptions(epochs=3, batch_size=64, learning_rate=5e-3, device="cpu")


@dataclass(frozen=True, slots=True)
class Blocks:
    """What a stage of a family chooses among; ``ratios`` are inner width / width, empty: none."""

    kernels: tuple[int, ...]
    ratios: tuple[float, ...]


FAMILIES: Mapping[str, Blocks] = {
    "bottleneck": Blocks((3, 5), (0.25, 0.5, 1)),
    "basic": Blocks((3, 5), ()),
    "inverted_residual": Blocks((3, 5, 7), (1, 2, 3, 4, 6)),
    "convnext": Blocks((3, 5, 7), (1, 2, 3, 4)),
}
BUDGETS = (1_000_000, 2_000_000, 4_000_000, 8_000_000)
#: Networks in which every family meets every budget once.
ROUND = len(FAMILIES) * len(BUDGETS)
#: One network in so many is trained twice. Prime to the round: any family and budget has its turn.
REPEATED = 9
BLOCK = REPEATED * ROUND

STEM, STRIDES = 16, (1, 2, 2)
WIDTHS, DEEPEST = (8, 256), 12
#: Width of a stage over that of the one before, as drawn; the whole is then scaled to the budget.
GROWTH = (0.5, 4.0)
#: The common factor of the widths is searched to 2 ** -this of its logarithm's range.
HALVINGS = 12

STAGE_COLUMNS = ("depth", "width", "inner", "kernel")
COLUMNS = (
    "network", "family", "budget",
    *(f"{word}{stage}" for stage in range(len(STRIDES)) for word in STAGE_COLUMNS),
    "params", "macs", "accuracy", "loss", "seed", "seconds",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a chain; ``inner`` is the width inside its blocks, ``None`` where they have none."""

    depth: int
    width: int
    inner: int | None
    kernel: int


def chain(family: str, stages: Sequence[Stage], name: str = "") -> Network:
    """Stem, stages, classifier."""
    document: list[dict[str, Any]] = [_part("stem", "conv", 1, STEM, 1, kernel_size=3)]
    for number, (stage, stride) in enumerate(zip(stages, STRIDES), 1):
        words = {} if stage.inner is None else {"bottleneck": stage.inner}
        body = _part("body", family, stride, stage.width, stage.depth, stage.kernel, **words)
        document.append(body | {"name": f"stage{number}"})
    document.append(_part("classifier", "classifier", 1, CLASSES, 1))
    size = {"channels": 3, "size": SIZE}
    return Network.from_dict({"name": name, "input": size, "stages": document})


def _part(
    role: str, family: str, stride: int, width: int, depth: int, kernel_size: int | None = None,
    **words: int,
) -> dict[str, Any]:  # fmt: skip
    kernel = {} if kernel_size is None else {"kernel_size": kernel_size}
    part = {"name": role, "role": role, "family": family, "stride": stride}
    return part | {"width": width, "depth": depth} | kernel | words


def _eights(value: float) -> int:
    """The nearest multiple of 8 among the widths."""
    return min(max(WIDTHS[0], int(value / 8 + 0.5) * 8), WIDTHS[1])


def draw(family: str, budget: int, random: Random, name: str = "") -> Network:
    """A chain whose multiply-adds are 90% to 100% of ``budget``; everything else is chance."""
    while True:
        found = _scaled(family, budget, random, name)
        if found is not None:
            return found


def _scaled(family: str, budget: int, random: Random, name: str) -> Network | None:
    """Shapes drawn at random, their widths scaled to the budget; ``None``: they do not fill it."""
    blocks = FAMILIES[family]
    depths = [int(_between(random, 1, DEEPEST + 1)) for _ in STRIDES]
    kernels = [random.choice(blocks.kernels) for _ in STRIDES]
    ratios = [random.choice(blocks.ratios) if blocks.ratios else None for _ in STRIDES]
    relative = [1.0]
    for _ in STRIDES[1:]:
        relative.append(relative[-1] * _between(random, *GROWTH))

    def at(factor: float) -> Network:
        widths = [_eights(r * factor) for r in relative]
        inner = [
            None if r is None else max(8, int(w * r / 8 + 0.5) * 8) for w, r in zip(widths, ratios)
        ]
        return chain(family, list(map(Stage, depths, widths, inner, kernels)), name)

    network = _largest(at, budget)
    filled = network is not None and macs(network) >= LEAST_USE * budget
    return network if filled else None


def _between(random: Random, low: float, high: float) -> float:
    """Log-uniform."""
    return math.exp(random.uniform(math.log(low), math.log(high)))


def _largest(at: Callable[[float], Network], budget: int) -> Network | None:
    """The network of the largest factor within the budget."""
    low, high = math.log(WIDTHS[0] / 8), math.log(WIDTHS[1] * 2)
    best = at(math.exp(low))
    if macs(best) > budget:
        return None
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        network = at(math.exp(middle))
        if macs(network) <= budget:
            best, low = network, middle
        else:
            high = middle
    return best


def macs(network: Network) -> int:
    """Multiply-adds of one image."""
    return count(network, "macs")["macs"]


def networks(number: int, seed: int) -> Iterator[Candidate]:
    """The first ``number`` networks, no two alike: families in turn, then budgets."""
    seen: set[tuple[Any, ...]] = set()
    for index in range(number):
        family = [*FAMILIES][index % len(FAMILIES)]
        budget = BUDGETS[index // len(FAMILIES) % len(BUDGETS)]
        random = Random(f"{seed} {index}")
        network = draw(family, budget, random, f"net{index:04}")
        while (family, network.point) in seen:
            network = draw(family, budget, random, network.name)
        seen.add((family, network.point))
        yield Candidate(network.name, family, network, str(budget))


def plan(drawn: Sequence[Candidate]) -> Iterator[tuple[Sequence[Candidate], int]]:
    """Networks with the seed to train them by, in order: a block, then its ninth part once more."""
    for start in range(0, len(drawn), BLOCK):
        block = drawn[start : start + BLOCK]
        yield block, 0
        yield block[::REPEATED], 1


def trained(
    drawn: Sequence[Candidate], recipe: ImageRecipe, folder: Path, *, jobs: int = 1,
    should_stop: Callable[[], bool] = lambda: False,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> list[StudyRun]:  # fmt: skip
    """Every run, those in the log first read; ``tell`` hears how many of how many have ended."""
    images, steps, before = recipe.load(), list(plan(drawn)), 0
    total = sum(len(part) for part, _ in steps)
    found: list[StudyRun] = []
    for part, seed in steps:

        def heard(report: StudyProgress, before: int = before) -> None:
            tell(before + report.done, total)

        study = Study(Convnet(), part, [seed], recipe, images, folder)
        found += run_study(study, jobs=jobs, on_progress=heard, should_stop=should_stop)
        before += len(part)
    return found


def held_out(run: StudyRun) -> tuple[float, float]:
    """Accuracy in percent and loss in nats on all held-out images: 2 of 3 are the test part."""
    last = run.curve[-1]
    if run.score is None or run.test_loss is None:
        raise ValueError(f"{run.candidate} seed {run.seed}: {run.reason}")
    accuracy = (last["validation_accuracy"] + 2 * run.score) / 3
    return 100 * accuracy, (last["validation_loss"] + 2 * run.test_loss) / 3


def row(run: StudyRun, candidate: Candidate) -> dict[str, str]:
    """A finished run as the table has it."""
    counts = count(candidate.network, "macs")
    accuracy, loss = held_out(run)
    values: dict[str, Any] = {
        "network": candidate.name, "family": candidate.group, "budget": candidate.note,
        "params": counts["params"], "macs": counts["macs"], "accuracy": f"{accuracy:.3f}",
        "loss": f"{loss:.5f}", "seed": run.seed, "seconds": f"{run.seconds:.1f}",
    }  # fmt: skip
    choices = [stage.choice for stage in candidate.network.stages if stage.role == "body"]
    for number, choice in enumerate(choices):
        own = (
            choice["depth"],
            choice["width"],
            choice.get("bottleneck", ""),
            choice["kernel_size"],
        )
        values |= {f"{word}{number}": value for word, value in zip(STAGE_COLUMNS, own)}
    return {column: str(values[column]) for column in COLUMNS}


def written(rows: Iterable[Mapping[str, str]]) -> str:
    """The table as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def read(text: str) -> list[dict[str, str]]:
    """The rows of a table, each counted again. Raises ``ValueError`` with every row that is wrong."""
    rows = list(csv.DictReader(io.StringIO(text)))
    faults = [f"row {n}: {fault}" for n, found in enumerate(rows, 1) for fault in wrong(found)]
    if faults:
        raise ValueError("\n".join(faults))
    return rows


def wrong(row: Mapping[str, str]) -> Iterator[str]:
    """What a row says of itself that does not hold."""
    if tuple(row) != COLUMNS:
        yield f"columns {', '.join(map(str, row))}"
        return
    try:
        counts = count(network_of(row), "macs")
        budget, accuracy, loss = int(row["budget"]), float(row["accuracy"]), float(row["loss"])
        if budget not in BUDGETS or not LEAST_USE * budget <= counts["macs"] <= budget:
            yield f"{counts['macs']:,} multiply-adds do not fill a budget of {budget:,}"
        for metric in ("params", "macs"):
            if counts[metric] != int(row[metric]):
                yield f"{metric} {row[metric]}, counted {counts[metric]}"
    except (ValueError, TypeError, KeyError, NetworkError) as error:
        yield f"{type(error).__name__}: {error}"
        return
    if not (0 <= accuracy <= 100 and 0 <= loss < math.inf):
        yield f"accuracy {accuracy}, loss {loss}"


def network_of(row: Mapping[str, str]) -> Network:
    """The network that a row describes."""
    stages = []
    for number in range(len(STRIDES)):
        depth, width, inner, kernel = (row[f"{word}{number}"] for word in STAGE_COLUMNS)
        stages.append(Stage(int(depth), int(width), int(inner) if inner else None, int(kernel)))
    return chain(row["family"], stages, row["network"])


def spreads(rows: Sequence[Mapping[str, str]]) -> tuple[float, float]:
    """Points of accuracy: standard deviation between networks of one family and budget, of one seed.

    Seeds have their own held-out images; what these have in common is no noise and taken out.
    """
    alike: dict[tuple[str, str], list[float]] = {}
    for found in (r for r in rows if r["seed"] == "0"):
        alike.setdefault((found["family"], found["budget"]), []).append(float(found["accuracy"]))
    between = [statistics.variance(values) for values in alike.values() if len(values) > 1]
    first, second = (
        {r["network"]: float(r["accuracy"]) for r in rows if r["seed"] == s} for s in "01"
    )
    twice = [second[name] - first[name] for name in second if name in first]
    noise = statistics.stdev(twice) / math.sqrt(2) if len(twice) > 1 else math.nan
    return math.sqrt(statistics.fmean(between)) if between else math.nan, noise


class Told:
    """Prints a line for every run that ends, with the minutes left; stops when the time is up."""

    def __init__(self, minutes: float) -> None:
        self.start_s = time.monotonic()
        self.until_s = self.start_s + 60 * minutes
        self.first: int | None = None
        self.last = -1

    def stop(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() > self.until_s

    def hear(self, done: int, total: int) -> None:
        """``done`` runs of ``total`` have ended."""
        if self.first is None:
            self.first = done
        if done == self.last:
            return
        self.last = done
        elapsed_s = time.monotonic() - self.start_s
        new = done - self.first
        left = f"{elapsed_s / new * (total - done) / 60:.0f} min left" if new else ""
        print(f"{elapsed_s:6.0f} s  {done}/{total}  {left}", flush=True)


def table_of(found: Iterable[StudyRun], drawn: Iterable[Candidate]) -> str:
    """The finished runs as CSV, in the order of the networks; others are told and left out."""
    by_name = {candidate.name: candidate for candidate in drawn}
    rows = []
    for run in sorted(found, key=lambda run: (run.candidate, run.seed)):
        if run.status == "done":
            rows.append(row(run, by_name[run.candidate]))
        else:
            print(f"{run.candidate} seed {run.seed}: {run.status}, {run.reason}")
    return written(rows)


def main() -> None:
    """Train what the log lacks; with ``--csv`` write what it holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=str(DATA))
    parser.add_argument("--out", type=Path, default=Path("runs/cifar_table"))
    parser.add_argument("--count", type=int, default=480, help="networks; a ninth is trained twice")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--seed", type=int, default=0, help="of the draw of the networks")
    parser.add_argument("--csv", type=Path, help="train nothing: write the table of the log so far")
    options = parser.parse_args()
    if not Path(options.data).exists():
        sys.exit(f"skipped: no data at {options.data}")
    recipe = ImageRecipe(options.data, 3, SIZE, CLASSES, IMAGES, OPTIONS)
    drawn = list(networks(options.count, options.seed))
    if options.csv is None:
        told = Told(options.minutes)
        trained(
            drawn, recipe, options.out, jobs=options.jobs, should_stop=told.stop, tell=told.hear
        )
        return
    text = table_of(trained(drawn, recipe, options.out, should_stop=lambda: True), drawn)
    rows = read(text)
    between, noise = spreads(rows)
    print(f"{len(rows)} rows -> {options.csv}")
    print(
        f"standard deviations: {between:.2f} points between alike networks, {noise:.2f} of a seed"
    )
    write_atomic(options.csv, text)


if __name__ == "__main__":
    main()
