"""Do the default's designs train better? Its optimum, DeepMAD's, the scaled classic, random designs.

Two families, two budgets of multiply-adds each, CIFAR-10 averaged to 16x16 pixels, the recipe of
`cifar_table.py`. Everything is trained with the same seeds; differences are paired by seed, and the
four against the mean of the random designs are adjusted together (Holm). Resumable.

    python benchmarks/objective_study.py --jobs 2 [--seeds 5] [--minutes 60] [--out runs/objective_study]
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from rich.console import Console

from benchmarks.cifar_table import CLASSES, DATA, IMAGES, OPTIONS, SIZE, Told
from mathdesign import api
from mathdesign.evidence import texts as shown
from mathdesign.evidence.baselines import OURS, RANDOMS, Candidate, rivals_of
from mathdesign.evidence.measure import ACCURACY
from mathdesign.evidence.recipes import ImageRecipe
from mathdesign.evidence.study import Study, StudyRun, run_study
from mathdesign.evidence.verdict import holm
from mathdesign.kinds.load import load
from mathdesign.report.terminal import print_table
from mathdesign.result import Design

#: Three stages, 16, 8 and 4 pixels; what a stage chooses among.
FAMILIES: Mapping[str, Mapping[str, Any]] = {
    "basic": {"width": "8..256/8", "kernel_size": [3, 5], "depth": "1..8"},
    "inverted_residual": {
        "width": "8..256/8", "expansion": [1, 2, 3, 4, 6], "kernel_size": [3, 5], "depth": "1..8",
    },
}  # fmt: skip
BUDGETS = {
    f"{family}-{size}M": (family, size * 1_000_000) for family in FAMILIES for size in (4, 12)
}
#: DeepMAD's objective, with its limit on effectiveness for each family (tables 2 and 3).
DEEPMAD = {"entropy": {"variant": "tinynas", "depth_penalty": 10}}
EFFECTIVENESS = {"basic": 0.3, "inverted_residual": 0.5}
RIVALS = ("uniform", "random:5")


@dataclass(frozen=True)
class Done:
    """One budget: what was trained, and what came out."""

    name: str
    design: Design
    study: Study
    runs: list[StudyRun]


def specification(family: str, macs: int) -> dict[str, Any]:
    """The program, whose objective is the default."""
    stages = [{"stride": stride, **FAMILIES[family]} for stride in (1, 2, 2)]
    space = {
        "family": family, "input": {"channels": 3, "size": SIZE}, "classes": CLASSES,
        "stem": {"width": "8..32/8", "kernel_size": 3, "stride": 1}, "stages": stages,
        "rules": {"monotone_width": True, "growth": 4},
    }  # fmt: skip
    solve = {"gap": 1e-4, "time_limit": "60 s", "seed": 0}
    return {
        "version": 1,
        "name": "study",
        "space": space,
        "budgets": {"macs": macs},
        "solve": solve,
    }


def rivals(family: str, macs: int) -> tuple[Design, list[Candidate]]:
    """The default's optimum, and who takes part, it first."""
    words = specification(family, macs)
    design = api.design(load(words))
    found = rivals_of(design, RIVALS).candidates
    theirs = copy.deepcopy(words) | {"objective": DEEPMAD}
    theirs["budgets"]["effectiveness"] = EFFECTIVENESS[family]
    answer = api.design(load(theirs))
    note = f"DeepMAD's objective, {answer.certificate.status}"
    theirs_too = Candidate("deepmad", "deepmad", answer.network, note)
    return design, [found[0], theirs_too, *found[1:]]


def train(
    name: str, words: argparse.Namespace, images: Any, recipe: ImageRecipe, ends: float
) -> Done:
    """All networks of a budget with all seeds, as far as the time reaches."""
    design, asked = rivals(*BUDGETS[name])
    study = Study(design.kind, asked, range(words.seeds), recipe, images, words.out / "runs")
    print(name, flush=True)
    told = Told((ends - time.monotonic()) / 60)
    runs = run_study(
        study, jobs=words.jobs, on_progress=lambda report: told.hear(report.done, report.runs),
        should_stop=told.stop,
    )  # fmt: skip
    return Done(name, design, study, runs)


def show(done: Done, out: Console) -> None:
    rows = shown.summary(done.design, done.study, done.runs)
    print_table(out, done.name, shown.header(ACCURACY), shown.table_rows(rows, ACCURACY))
    title = "the default's optimum against each, paired by seed"
    verdicts = shown.verdict_rows(shown.judge(done.study, done.runs), ACCURACY)
    print_table(out, title, shown.verdict_header(ACCURACY), verdicts)


def show_together(studies: list[Done], out: Console) -> None:
    """Against the mean of the random designs, and against DeepMAD's, over all budgets."""
    for rival in (shown.TOGETHER, "deepmad"):
        found = [
            next(v for v in shown.judge(s.study, s.runs) if v.baseline == rival) for s in studies
        ]
        plain = [paired_p(s, rival) for s in studies]
        rows = [
            replace(v, baseline=f"{s.name}: {rival}", p=p)
            for s, v, p in zip(studies, found, holm(plain))
        ]
        over = f"over {len(rows)} budgets"
        judged = shown.verdict_rows(rows, ACCURACY)
        print_table(out, over, shown.verdict_header(ACCURACY), judged)


def paired_p(done: Done, rival: str) -> float | None:
    """Of this comparison alone."""
    groups = (OURS, RANDOMS if rival == shown.TOGETHER else rival)
    kept = replace(done.study, rivals=[c for c in done.study.rivals if c.group in groups])
    names = {c.name for c in kept.rivals}
    runs = [run for run in done.runs if run.candidate in names]
    return next(v.p for v in shown.judge(kept, runs) if v.baseline == rival)


def main() -> None:
    """Train, print, write a page a budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budgets", nargs="+", choices=BUDGETS, default=list(BUDGETS))
    parser.add_argument("--data", default=str(DATA))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--shapes", action="store_true", help="print the networks, train nothing")
    parser.add_argument("--out", type=Path, default=Path("runs/objective_study"))
    words = parser.parse_args()
    if words.shapes:
        for name in words.budgets:
            for c in rivals(*BUDGETS[name])[1]:
                body = [s.to_dict() for s in c.network.stages if s.role == "body"]
                shape = "  ".join(
                    f"{s['depth']} x {s['width']}"
                    + (f"/{s['bottleneck']}" if "bottleneck" in s else "")
                    + f" k{s['kernel_size']}"
                    for s in body
                )
                print(f"{name:22}{c.name:14}{shape}")
        return
    if not Path(words.data).exists():
        sys.exit(f"no data at {words.data}")
    recipe = ImageRecipe(words.data, 3, SIZE, CLASSES, IMAGES, OPTIONS)
    images, ends = recipe.load(), time.monotonic() + 60 * words.minutes
    out = Console(width=180, highlight=False)
    studies = []
    for name in words.budgets:
        studies.append(train(name, words, images, recipe, ends))
        show(studies[-1], out)
    show_together(studies, out)


if __name__ == "__main__":
    main()
