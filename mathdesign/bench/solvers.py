"""Every backend on the published programs: objective, bound, gap, seconds, memory, in one run."""

from __future__ import annotations

import io
import multiprocessing
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mathdesign.bench.published import PUBLISHED_OBJECTIVES, named
from mathdesign.files import write_atomic
from mathdesign.solvers import SolveOptions, backend
from mathdesign.solvers.base import Ability, Progress, gap_text
from mathdesign.solvers.portfolio import cannot

#: ``evolution`` is compared at its published number of evaluations: they end it, not the time
#: limit of the others; this bounds a run all the same.
EVOLUTION_LIMIT_S = 900.0
#: Gaps are printed as they stood after these many seconds.
MARKS_S = (1.0, 2.0, 5.0, 10.0, 20.0)


@dataclass(frozen=True, slots=True)
class Task:
    """One run: a published program, a backend, a seed, limits."""

    problem: str
    backend: str
    seed: int
    gap: float
    time_limit_s: float
    evaluations: int | None
    threads: int = 1


@dataclass(frozen=True, slots=True)
class BenchRun:
    """What came out. ``trace`` holds (seconds, objective, bound); memory is the process's peak.

    ``compile_s`` is what a tiny problem took just before, in the same process: compilation, or
    loading what an earlier run compiled.
    """

    task: Task
    status: str
    objective: float | None
    bound: float | None
    gap: float | None
    seconds: float
    compile_s: float
    memory_mb: float
    point: tuple[int, ...] | None
    trace: tuple[tuple[float, float | None, float | None], ...]

    def gap_at(self, seconds: float) -> float | None:
        """The relative gap as it stood after ``seconds``, ``None`` if there was none yet."""
        gap = None
        for elapsed, objective, bound in self.trace:
            if elapsed <= seconds and objective is not None and bound is not None:
                gap = max(0.0, (bound - objective) / max(abs(objective), 1.0))
        return self.gap if seconds >= self.seconds else gap


def tasks(
    problems: Iterable[str],
    backends: Sequence[str],
    *,
    gap: float,
    time_limit_s: float,
    seeds: int,
    evaluations: int,
) -> list[Task]:
    """Every program with every backend; heuristics once per seed, evolution to its last evaluation."""
    limits = {"evolution": EVOLUTION_LIMIT_S}
    seeded = {b for b in backends if Ability.SEEDED in backend(b).abilities}
    return [
        Task(p, b, seed, gap, limits.get(b, time_limit_s), evaluations if b in seeded else None)
        for p in problems
        for b in backends
        for seed in range(seeds if b in seeded else 1)
    ]


def run_apart(task: Task) -> BenchRun | str:
    """Run ``task`` in a fresh process; the reason instead, where the backend cannot."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(run, task).result()


def run(task: Task) -> BenchRun | str:
    """Run ``task`` in this process."""
    import resource

    problem, solver = named(task.problem), backend(task.backend)
    if reason := cannot(solver, problem):
        return reason
    start = time.perf_counter()
    if Ability.COMPILES in solver.abilities:
        solver.solve(named(task.problem), SolveOptions(time_limit_s=0.01))
    compile_s = time.perf_counter() - start
    trace: list[tuple[float, float | None, float | None]] = []

    def note(report: Progress) -> None:
        trace.append((round(report.elapsed_s, 3), report.objective, report.bound))

    options = SolveOptions(
        gap=task.gap,
        time_limit_s=task.time_limit_s,
        seed=task.seed,
        threads=task.threads,
        evaluations=task.evaluations,
        on_progress=note,
    )
    start = time.perf_counter()
    solution = solver.solve(problem, options)
    seconds = time.perf_counter() - start
    finite = solution.bound != float("inf")
    return BenchRun(
        task,
        solution.status.value,
        solution.objective,
        solution.bound if finite else None,
        solution.gap if finite and solution.objective is not None else None,
        seconds,
        compile_s,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        solution.point,
        tuple(trace),
    )


HEADER = (
    "program", "backend", "objective", "bound", "gap", "status", "seconds", "first use", "MB",
    *(f"gap {mark:g} s" for mark in MARKS_S), "of published",
)  # fmt: skip


def row(found: BenchRun) -> tuple[str, ...]:
    """One line of the table."""
    published = PUBLISHED_OBJECTIVES.get(found.task.problem)
    ratio = found.objective / published if found.objective and published else None
    seed = (
        f" seed {found.task.seed}"
        if Ability.SEEDED in backend(found.task.backend).abilities
        else ""
    )
    return (
        found.task.problem,
        found.task.backend + seed,
        "-" if found.objective is None else f"{found.objective:.3f}",
        "-" if found.bound is None else f"{found.bound:.3f}",
        _percent(found.gap),
        found.status,
        f"{found.seconds:.1f}",
        f"{found.compile_s:.1f}",
        f"{found.memory_mb:.0f}",
        *(_percent(found.gap_at(mark)) for mark in MARKS_S),
        "" if ratio is None else f"{ratio:.3f}",
    )


def document(runs: Iterable[BenchRun]) -> list[dict[str, Any]]:
    """The runs as plain data."""
    return [asdict(run) for run in runs]


def plot(runs: Sequence[BenchRun], path: Path) -> bool:
    """Relative gap against seconds, one panel per program, as PNG; false where no run has a bound."""
    from matplotlib.figure import Figure

    proving = [run for run in runs if run.bound is not None]
    names = list(dict.fromkeys(run.task.problem for run in proving))
    if not names:
        return False
    figure = Figure(figsize=(4.2 * len(names), 3.4), layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(panels, names):
        for found in (r for r in proving if r.task.problem == name):
            times = sorted({t for t, _, _ in found.trace} | {found.seconds})
            gaps = [found.gap_at(t) for t in times]
            pairs = [(t, max(g, 1e-7)) for t, g in zip(times, gaps) if g is not None]
            if pairs:
                axes.step(*zip(*pairs), where="post", label=found.task.backend)
        axes.set(xscale="log", yscale="log", xlabel="seconds", ylabel="relative gap", title=name)
        axes.grid(alpha=0.3)
        axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=120, metadata={"Software": None})
    write_atomic(path, buffer.getvalue())
    return True


def _percent(gap: float | None) -> str:
    return "-" if gap is None else gap_text(gap)
