"""Training a design and its rivals under one recipe: resumable, and no failure takes the others.

Every run is a file named by what it is made of (network, data, recipe, seed). A finished one is
never run again; one that was killed goes on from its last round's checkpoint. ``halving``: all start,
and at a quarter and at half of the rounds the worse half by what is held out stops (successive
halving, arXiv 1502.07943); the design itself always goes on.
"""

from __future__ import annotations

import hashlib
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathdesign.evidence.baselines import OURS, Candidate, unnamed
from mathdesign.evidence.measure import Measure
from mathdesign.evidence.recipes import OnProgress, Recipe
from mathdesign.files import write_atomic
from mathdesign.kinds import AnyKind
from mathdesign.spaces.kind import CannotBuild, NamedNetwork
from mathdesign.tables.workers import LocalWorkers

if TYPE_CHECKING:
    from torch import nn

    from mathdesign.validators.training.images import TrainingProgress

FORMAT = 1


#: The reason of a run that is done and no better than guessing.
AT_CHANCE = "at chance"


@dataclass(frozen=True, slots=True)
class StudyRun:
    """One network, one seed. ``status``: ``done``, ``stopped`` (by halving) or ``failed``.

    ``curve`` has one mapping a round (an epoch; a look at the text held out). ``score`` is what the
    recipe's measure says of it, ``None`` for a failed run; ``test_loss`` (nats) is known of images.
    """

    candidate: str
    seed: int
    status: str
    reason: str
    curve: tuple[Mapping[str, Any], ...]
    score: float | None
    seconds: float
    batch_size: int | None
    device: str
    test_loss: float | None = None

    @classmethod
    def failed(cls, job: Job, reason: str, curve: tuple[Mapping[str, Any], ...] = ()) -> StudyRun:
        """A run that came to nothing."""
        device = job.recipe.device
        return cls(job.candidate, job.seed, "failed", reason, curve, None, 0.0, None, device)

    def held_out(self, measure: Measure) -> float:
        """What the last round showed, more is better; -inf for a run without one."""
        return measure.gain(self.curve[-1][measure.watched]) if self.curve else -math.inf

    def words(self, measure: Measure) -> dict[str, Any]:
        """For files: the score by its name."""
        return {measure.name if k == "score" else k: v for k, v in asdict(self).items()}

    @classmethod
    def read(cls, words: Mapping[str, Any], measure: Measure) -> StudyRun:
        """Inverse of :meth:`words`. Raises ``TypeError``, ``KeyError`` for what is no run."""
        named = {"score" if k == measure.name else k: v for k, v in words.items()}
        return cls(**{**named, "curve": tuple(named["curve"])})


@dataclass(frozen=True, slots=True)
class StudyProgress:
    """Runs finished of all, the one that finished or goes on, seconds since the start."""

    done: int
    runs: int
    run: str
    elapsed_s: float
    training: TrainingProgress | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One run up to a round, with all that a process needs to do it."""

    candidate: str
    kind: AnyKind
    network: NamedNetwork
    seed: int
    until: int
    recipe: Recipe[Any]
    folder: str
    data_mark: str

    @property
    def key(self) -> str:
        """Names the run's files: SHA-256 of what decides its result, shortened."""
        options = asdict(self.recipe.seeded(self.seed))
        (network,) = unnamed(self.kind.words_of(self.network)).values()
        made_of = [FORMAT, *network.values(), options, self.data_mark]
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:24]

    @property
    def record(self) -> Path:
        """Where the finished run is written."""
        return Path(self.folder) / "runs" / f"{self.key}-{self.until}.json"

    @property
    def checkpoint(self) -> Path:
        """Where it is kept while it runs."""
        return Path(self.folder) / "checkpoints" / f"{self.key}.pt"

    def keep(self, run: StudyRun) -> StudyRun:
        """Write the run down; gives it back."""
        words = run.words(self.recipe.measure)
        write_atomic(self.record, json.dumps(words, indent=1) + "\n")
        return run

    def module(self) -> nn.Module:
        """The network as it is before training, by the run's seed. Raises ``CannotBuild``."""
        from mathdesign.validators.training.images import initialised

        return initialised(lambda: self.kind.build(self.network), self.seed)


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """Networks of a kind, a recipe with its data, and the folder that keeps the runs."""

    kind: AnyKind
    rivals: Sequence[Candidate]
    seeds: Sequence[int]
    recipe: Recipe[Any]
    data: Any
    folder: Path

    def jobs(self, rivals: Sequence[Candidate], until: int) -> list[Job]:
        """One a network and seed, up to a round."""
        mark, folder = self.recipe.mark(self.data), str(self.folder)
        return [
            Job(c.name, self.kind, c.network, seed, until, self.recipe, folder, mark)
            for c in rivals
            for seed in self.seeds
        ]

    def estimate_s(self) -> float:
        """Seconds of training in all."""
        once = self.jobs(self.rivals, 0)[:: max(1, len(self.seeds))]
        each = (self.recipe.estimate_s(job.module(), self.data) for job in once)
        return sum(each) * len(self.seeds)


def run_study(
    study: Study,
    *,
    jobs: int = 1,
    halving: bool = False,
    on_progress: Callable[[StudyProgress], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[StudyRun]:
    """Every run, in the order of networks and seeds; those not reached when stopped are absent."""
    rounds = study.recipe.rounds
    rungs = sorted({math.ceil(rounds / 4), math.ceil(rounds / 2), rounds}) if halving else [rounds]
    alive = list(study.rivals)
    found: dict[tuple[str, int], StudyRun] = {}
    for rung in rungs:
        for run in _work(study.jobs(alive, rung), study.data, jobs, on_progress, should_stop):
            found[run.candidate, run.seed] = run
        if should_stop():
            break
        if rung != rounds:
            alive = survivors(alive, list(found.values()), study.recipe.measure)
    on = {c.name for c in alive}
    return [
        _judged(found[c.name, seed], c.name in on, study.recipe.measure.turn)
        for c in study.rivals
        for seed in study.seeds
        if (c.name, seed) in found
    ]


def _judged(run: StudyRun, alive: bool, turn: str) -> StudyRun:
    """A run as it counts in the end: one that halving stopped is not done."""
    if alive or run.status == "failed":
        return run
    return replace(run, status="stopped", reason=f"halved after {len(run.curve)} {turn}s")


def survivors(
    alive: Sequence[Candidate], runs: Sequence[StudyRun], measure: Measure
) -> list[Candidate]:
    """The better half by the mean of what is held out, and the design itself, in their order."""
    mean = {
        c.name: statistics.fmean([r.held_out(measure) for r in runs if r.candidate == c.name])
        for c in alive
    }
    kept = sorted(alive, key=lambda c: -mean[c.name])[: math.ceil(len(alive) / 2)]
    return [c for c in alive if c in kept or c.name == OURS]


def _work(
    wanted: Sequence[Job],
    data: Any,
    jobs: int,
    on_progress: Callable[[StudyProgress], None] | None,
    should_stop: Callable[[], bool],
) -> list[StudyRun]:
    """The runs of one rung, those already on disk first."""
    runs = [run for run in map(read_record, wanted) if run is not None]
    known = {(r.candidate, r.seed) for r in runs}
    pending = [job for job in wanted if (job.candidate, job.seed) not in known]
    start_s = time.monotonic()

    def tell(job: Job, training: TrainingProgress | None = None) -> None:
        if on_progress is not None:
            name = f"{job.candidate} seed {job.seed}"
            elapsed_s = time.monotonic() - start_s
            on_progress(StudyProgress(len(runs), len(wanted), name, elapsed_s, training))

    if jobs > 1 and len(pending) > 1:
        for job, run in _in_processes(pending, jobs, should_stop):
            runs.append(run)
            tell(job)
        return runs
    for job in pending:
        if should_stop():
            break

        def heard(report: TrainingProgress, job: Job = job) -> None:
            if should_stop():
                raise KeyboardInterrupt
            tell(job, report)

        try:
            runs.append(run_job(job, data, heard))
        except KeyboardInterrupt:
            break
        tell(job)
    return runs


def run_job(job: Job, data: Any, on_progress: OnProgress | None = None) -> StudyRun:
    """One run, from its checkpoint if it has one; its record is on disk when this returns."""
    run = job.keep(_trained(job, data, on_progress))
    if job.until == job.recipe.rounds:
        job.checkpoint.unlink(missing_ok=True)
    return run


def _trained(job: Job, data: Any, on_progress: OnProgress | None) -> StudyRun:
    from mathdesign.validators.training.images import TrainingDiverged

    try:
        found = job.recipe.train(
            job.module(), data, job.seed, job.until, job.checkpoint, on_progress
        )
    except TrainingDiverged as error:
        return StudyRun.failed(job, str(error), tuple(asdict(look) for look in error.curve))
    except (MemoryError, RuntimeError, CannotBuild) as error:
        # torch reports exhausted memory as a RuntimeError (OutOfMemoryError is one).
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        return StudyRun.failed(job, reason)
    return StudyRun(
        job.candidate, job.seed, "done", "" if found.warning is None else AT_CHANCE, found.curve,
        found.score, found.seconds, found.batch_size, found.device, found.test_loss,
    )  # fmt: skip


def read_record(job: Job) -> StudyRun | None:
    """A finished run on disk; ``None`` where there is none, or it failed for lack of memory."""
    try:
        words = json.loads(job.record.read_text(encoding="utf-8"))
        run = replace(StudyRun.read(words, job.recipe.measure), candidate=job.candidate)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return None if run.status == "failed" and "diverged" not in run.reason else run


_DATA: list[Any] = []


def _prepare(recipe: Recipe[Any]) -> None:
    """In a worker: decode the data once."""
    _DATA.append(recipe.load())


def _in_worker(job: Job) -> StudyRun:
    return run_job(job, _DATA[0])


def _in_processes(
    pending: Sequence[Job], jobs: int, should_stop: Callable[[], bool]
) -> Iterator[tuple[Job, StudyRun]]:
    """Each job in a process of ``jobs``; one whose process is killed is tried alone, then failed."""
    left, workers = list(pending), jobs
    while left and not should_stop():
        pool = LocalWorkers(min(workers, len(left)), _prepare, (left[0].recipe,))
        # One at a time after a death, so that it is known which run killed its process.
        running: dict[Future[StudyRun], Job] = {
            pool.submit(_in_worker, job): job for job in (left if workers > 1 else left[:1])
        }
        try:
            while running and not should_stop():
                done, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                for future in done:
                    job = running.pop(future)
                    run = future.result()
                    left.remove(job)
                    yield job, run
        except BrokenProcessPool:
            if workers == 1:
                job = left.pop(0)
                reason = "its process was killed: out of memory, most likely"
                yield job, job.keep(StudyRun.failed(job, reason))
            workers = 1
        finally:
            pool.close()
