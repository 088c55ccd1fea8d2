"""CIFAR-10: a proven design against the hand-scaled, the published and random networks of its budget.

Trains everything under one recipe and prints what came out, also where the design loses. `--terms`
adds the optima of the same program with one term changed, to find which term is to blame.

    python benchmarks/cifar_study.py --budget resnet18 --jobs 2
    python benchmarks/cifar_study.py --budget mobile --jobs 2 --terms rho/2,rho*2,equal,mae_det,paper
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from mathdesign import api
from mathdesign.evidence import texts as shown
from mathdesign.evidence.baselines import Candidate, rivals_of
from mathdesign.evidence.recipes import ImageRecipe
from mathdesign.evidence.study import Study, StudyProgress, run_study
from mathdesign.kinds.load import load
from mathdesign.report.terminal import print_table
from mathdesign.spaces.convnet.words import Spec
from mathdesign.validators.training.recipe import TrainingOptions

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared/data/cifar10/train.parquet"
BUDGETS = {
    "resnet18": ("examples/40_cifar_resnet18/design.yaml", "random:5,uniform,resnet18,published"),
    "mobile": ("examples/41_cifar_mobile/design.yaml", "random:5,uniform,published"),
}


def changed(spec: Spec, term: str) -> Spec:
    """The same program with one term changed."""
    words: dict[str, Any] = copy.deepcopy(spec.to_dict())
    entropy, budgets = words["objective"]["entropy"], words["budgets"]
    stages = words["space"]["stages"]
    if term.startswith(("rho/", "rho*")):
        factor = float(term[4:])
        budgets["effectiveness"] *= factor if term[3] == "*" else 1 / factor
    elif term == "equal":
        entropy["weights"] = [1, 1, 1, 1]
    elif term in ("mae_det", "paper"):
        entropy["variant"] = term
        if term == "mae_det":
            entropy.pop("depth_penalty", None)
    elif term == "kernel3":
        for stage in stages:
            stage["kernel_size"] = 3
    elif term == "blocks2":  # no stage collapses to one block
        for stage in stages:
            deepest = int(str(stage["depth"]).split("..")[-1])
            stage["depth"] = f"2..{deepest}"
    elif term == "ratio":  # no inner width below a quarter of the outer one
        words["space"]["rules"]["bottleneck_ratio"] = "0.25..1"
    else:
        sys.exit(
            f"--terms {term}: accepted: rho/N, rho*N, equal, mae_det, paper, kernel3, blocks2, ratio"
        )
    words["name"] = "term"
    return Spec.model_validate(words)


def main() -> None:
    """Solve, train, print, write to --out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", choices=BUDGETS, default="resnet18")
    parser.add_argument("--data", default=str(DATA))
    parser.add_argument("--limit", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, default=5e-3)
    parser.add_argument("--terms", default="")
    parser.add_argument("--out", type=Path, default=Path("runs/cifar_study"))
    options = parser.parse_args()
    if not Path(options.data).exists():
        sys.exit(f"no data at {options.data}")
    file, words = BUDGETS[options.budget]
    spec = load(ROOT / file)
    assert isinstance(spec, Spec)
    design = api.design(spec)
    drawn = rivals_of(design, words.split(","))
    for skipped in drawn.skipped:
        print(f"{skipped.rival}: {skipped.reason}")
    rivals = list(drawn.candidates)
    for term in filter(None, options.terms.split(",")):
        try:
            answer = api.design(changed(spec, term))
        except api.Infeasible:
            print(f"{term}: no design")
            continue
        note = f"{term}: {answer.certificate.status}"
        rivals.append(Candidate(term, "term", answer.network, note))
    for rival in rivals:
        stages = [s.to_dict() for s in rival.network.stages if s.role == "body"]
        shape = " ".join(
            f"{s['width']}/{s.get('bottleneck', '')}k{s['kernel_size']}x{s['depth']}"
            for s in stages
        )
        print(f"{rival.name:12} {shape}")
    recipe_options = TrainingOptions(epochs=options.epochs, learning_rate=options.learning_rate)
    recipe = ImageRecipe(options.data, 3, 32, 10, options.limit, recipe_options)
    seeds, folder = range(options.seeds), options.out / "study"
    study = Study(design.kind, rivals, seeds, recipe, recipe.load(), folder)
    seconds = study.estimate_s() / options.jobs
    print(
        f"{len(rivals)} networks x {options.seeds} seeds: about {seconds / 60:.0f} min", flush=True
    )
    start = time.monotonic()
    told = -1

    def tell(report: StudyProgress) -> None:
        nonlocal told
        if report.done != told:
            told = report.done
            print(f"{time.monotonic() - start:6.0f} s  {report.done}/{report.runs}", flush=True)

    runs = run_study(study, jobs=options.jobs, on_progress=tell)
    found = shown.document(design, study, runs, drawn.skipped)
    shown.write_study(options.out / options.budget, found, f"CIFAR-10, budget of {options.budget}")
    out = Console(width=200, highlight=False)
    measure = recipe.measure
    rows = shown.table_rows(found["rows"], measure)
    print_table(out, options.budget, shown.header(measure), rows)
    judged = shown.verdict_rows(shown.judge(study, runs), measure)
    title = "the design against each, paired by seed"
    print_table(out, title, shown.verdict_header(measure), judged)
    print(json.dumps({"seconds": round(time.monotonic() - start)}))


if __name__ == "__main__":
    main()
