"""Log-volumes under the published budgets: seconds to a proof, beside DeepMAD's objective and peers.

    python benchmarks/volume_speed.py [--seconds 30] [--peers R18,29M] [--peer-seconds 20]

Three tables: the published budgets (1e-6), chains of eight (1e-6) and twelve stages (0.1%), and peers
on a few of the same programs. Two forms: ``default``, whose optimum has depths at their greatest, and
``wide`` (depth 0.58, width 0.5), whose optimum lies between. Under a log-volume the three programs
``-defect`` are those without: the defect is one of the entropy. Seconds of wall clock
and of this process's CPU time (they differ on a busy machine), annealing included, kernels compiled before.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

from mathdesign.bench.published import INVERTED_BUDGETS, RESNET_BUDGETS, named, resnet
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.stages import DEPTH, Decision
from mathdesign.solvers import Solution, SolveOptions, backend
from mathdesign.solvers.convex.geometric import is_geometric
from mathdesign.solvers.portfolio import cannot
from mathdesign.spaces.convnet.volume import VolumeOptions

FORMS = {"default": VolumeOptions(), "plain": VolumeOptions(per_block=0.0)}
STRIDES = {8: (2, 1, 2, 1, 2, 1, 2, 1), 12: (2, 1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1)}
PEERS = ("highs", "scip", "cvxpy")


Took = tuple[float, float]


def solved(problem: DesignProblem, name: str, gap: float, seconds: float) -> tuple[Solution, Took]:
    """The answer, with seconds of wall clock and of CPU time."""
    began, spent = time.perf_counter(), time.process_time()
    found = backend(name).solve(problem, SolveOptions(gap=gap, time_limit_s=seconds))
    return found, (time.perf_counter() - began, time.process_time() - spent)


def line(program: str, form: str, found: Solution, took: Took, note: str = "") -> None:
    value = "-" if found.objective is None else f"{found.objective:.4f}"
    print(f"{program:<12} {form:<10} {value:>11} {found.bound:>11.4f} {found.gap:>9.1e} "
          f"{found.nodes:>7,} {took[0]:>6.2f} {took[1]:>6.2f}  {note}", flush=True)  # fmt: skip


def depths(problem: DesignProblem, point: tuple[int, ...] | None) -> str:
    if point is None:
        return ""
    body = [s for s, stage in enumerate(problem.stages) if stage.name.startswith("stage")]
    return str([point[problem.columns[s, DEPTH]] for s in body])


def deeper(problem: DesignProblem) -> DesignProblem:
    """At least two blocks a stage, so that the relaxation is a geometric program."""
    stages = []
    for stage in problem.stages:
        least = 2 if len(stage.domain(DEPTH)) > 1 else 1
        decisions = tuple(
            Decision(d.name, tuple(v for v in d.values if d.name != DEPTH or v >= least))
            for d in stage.decisions
        )
        stages.append(replace(stage, decisions=decisions))
    return replace(problem, stages=tuple(stages))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--peers", default="R18,29M")
    parser.add_argument("--peer-seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    solved(named("R18-volume"), "exact", 1e-2, 5.0)  # compile or load the kernels
    print(f"{'program':<12} {'objective':<10} {'value':>11} {'bound':>11} {'gap':>9} {'nodes':>7} "
          f"{'s':>6} {'CPU s':>6}  depths")  # fmt: skip
    for name in (*RESNET_BUDGETS, *INVERTED_BUDGETS):
        for form, options in FORMS.items():
            problem = named(name, volume=options)
            found, took = solved(problem, "exact", 1e-6, arguments.seconds)
            line(name, form, found, took, depths(problem, found.point))
        line(name, "DeepMAD", *solved(named(name), "exact", 1e-6, arguments.seconds))
    for count, gap in ((8, 1e-6), (12, 1e-3)):
        for form, options in FORMS.items():
            problem = resnet(*RESNET_BUDGETS["R18"], strides=STRIDES[count], volume=options)
            found, took = solved(problem, "exact", gap, arguments.seconds)
            line(f"{count} stages", form, found, took, depths(problem, found.point))
        problem = resnet(*RESNET_BUDGETS["R18"], strides=STRIDES[count])
        line(f"{count} stages", "DeepMAD", *solved(problem, "exact", gap, arguments.seconds))
    for name in filter(None, arguments.peers.split(",")):
        for form, options in FORMS.items():
            problem = named(name, volume=options)
            for peer in PEERS:
                if reason := cannot(backend(peer), problem):
                    print(f"{name:<12} {form:<10} {peer}: {reason}", flush=True)
                    continue
                found, took = solved(problem, peer, 1e-6, arguments.peer_seconds)
                line(name, form, found, took, f"{peer}")
            posynomial = deeper(problem)
            assert is_geometric(posynomial)
            found, took = solved(posynomial, "cvxpy", 1e-6, arguments.peer_seconds)
            line(name, form, found, took, "cvxpy, depths of at least 2: a geometric program")
            found, took = solved(posynomial, "exact", 1e-6, arguments.peer_seconds)
            line(name, form, found, took, "exact on the same")


if __name__ == "__main__":
    main()
