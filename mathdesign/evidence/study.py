"""Training a design and its rivals under one recipe: resumable, and no failure takes the others.

Every run is a file named by what it is made of (network, data, recipe, seed). A finished one is
never run again; one that was killed goes on from its last epoch's checkpoint. ``halving``: all start,
and at a quarter and at half of the epochs the worse half by validation accuracy stops (successive
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

from mathdesign.evidence.baselines import OURS, Candidate
from mathdesign.files import write_atomic
from mathdesign.spaces.convnet.network import Network
from mathdesign.tables.workers import LocalWorkers

if TYPE_CHECKING:
    from mathdesign.validators.training.data import Images
    from mathdesign.validators.training.images import TrainingProgress
    from mathdesign.validators.training.recipe import TrainingOptions

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Recipe:
    """What all runs share. ``options.seed`` is replaced by each run's own; so is the split's."""

    data: str
    channels: int
    size: int
    classes: int
    limit: int | None
    options: TrainingOptions

    def images(self) -> Images:
        """The data, decoded. Raises ``DataError``."""
        from mathdesign.validators.training import data

        return data.load(
            self.data,
            channels=self.channels,
            size=self.size,
            classes=self.classes,
            limit=self.limit,
        )


#: The reason of a run that is done and whose accuracy guessing may well reach.
AT_CHANCE = "at chance"


@dataclass(frozen=True, slots=True)
class StudyRun:
    """One network, one seed. ``status``: ``done``, ``stopped`` (by halving) or ``failed``.

    ``curve`` has one mapping an epoch (:class:`~mathdesign.validators.training.images.Epoch`); accuracies
    are fractions. ``test_accuracy`` and ``test_loss`` (nats) are ``None`` for a failed run.
    """

    candidate: str
    seed: int
    status: str
    reason: str
    curve: tuple[Mapping[str, Any], ...]
    test_accuracy: float | None
    seconds: float
    batch_size: int | None
    device: str
    test_loss: float | None = None

    @property
    def validation_accuracy(self) -> float:
        """After the last epoch; -inf for a run without one."""
        return self.curve[-1]["validation_accuracy"] if self.curve else -math.inf


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
    """One run up to an epoch, with all that a process needs to do it."""

    candidate: str
    network: Mapping[str, Any]
    seed: int
    until: int
    recipe: Recipe
    folder: str
    data_mark: str

    @property
    def key(self) -> str:
        """Names the run's files: SHA-256 of what decides its result, shortened."""
        options = asdict(replace(self.recipe.options, seed=self.seed))
        made_of = [FORMAT, self.network["input"], self.network["stages"], options, self.data_mark]
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:24]

    @property
    def record(self) -> Path:
        """Where the finished run is written."""
        return Path(self.folder) / "runs" / f"{self.key}-{self.until}.json"

    @property
    def checkpoint(self) -> Path:
        """Where it is kept while it runs."""
        return Path(self.folder) / "checkpoints" / f"{self.key}.pt"


def data_mark(images: Images, size: int) -> str:
    """SHA-256 of the decoded images and labels."""
    digest = hashlib.sha256(f"{images.name} {size} {images.mirrored}".encode())
    digest.update(images.pixels.tobytes())
    digest.update(images.labels.tobytes())
    return digest.hexdigest()


def run_study(
    rivals: Sequence[Candidate],
    seeds: Sequence[int],
    recipe: Recipe,
    images: Images,
    folder: Path,
    *,
    jobs: int = 1,
    halving: bool = False,
    on_progress: Callable[[StudyProgress], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[StudyRun]:
    """Every run, in the order of ``rivals`` and ``seeds``; those not reached when stopped are absent."""
    mark = data_mark(images, recipe.size)
    epochs = recipe.options.epochs
    rungs = sorted({math.ceil(epochs / 4), math.ceil(epochs / 2), epochs}) if halving else [epochs]
    alive = list(rivals)
    found: dict[tuple[str, int], StudyRun] = {}
    for rung in rungs:
        wanted = [
            Job(c.name, c.network.to_dict(), seed, rung, recipe, str(folder), mark)
            for c in alive
            for seed in seeds
        ]
        for run in _work(wanted, images, jobs, on_progress, should_stop):
            found[run.candidate, run.seed] = run
        if should_stop():
            break
        if rung != epochs:
            alive = survivors(alive, list(found.values()))
    on = {c.name for c in alive}
    return [
        _judged(found[c.name, seed], c.name in on)
        for c in rivals
        for seed in seeds
        if (c.name, seed) in found
    ]


def _judged(run: StudyRun, alive: bool) -> StudyRun:
    """A run as it counts in the end: one that halving stopped is not done."""
    if alive or run.status == "failed":
        return run
    return replace(run, status="stopped", reason=f"halved after {len(run.curve)} epochs")


def survivors(alive: Sequence[Candidate], runs: Sequence[StudyRun]) -> list[Candidate]:
    """The better half by mean validation accuracy, and the design itself, in their order."""
    mean = {
        c.name: statistics.fmean([r.validation_accuracy for r in runs if r.candidate == c.name])
        for c in alive
    }
    kept = sorted(alive, key=lambda c: -mean[c.name])[: math.ceil(len(alive) / 2)]
    return [c for c in alive if c in kept or c.name == OURS]


def _work(
    wanted: Sequence[Job],
    images: Images,
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
            runs.append(run_job(job, images, heard))
        except KeyboardInterrupt:
            break
        tell(job)
    return runs


def run_job(
    job: Job, images: Images, on_progress: Callable[[TrainingProgress], None] | None = None
) -> StudyRun:
    """One run, from its checkpoint if it has one; its record is on disk when this returns."""
    from mathdesign.export.convnet import build
    from mathdesign.validators.training.data import split
    from mathdesign.validators.training.images import (
        TrainingDiverged,
        chosen_device,
        initialised,
        train,
    )

    network = Network.from_dict(job.network)
    options = replace(job.recipe.options, seed=job.seed)
    device = chosen_device(options.device)
    try:
        result = train(
            initialised(lambda: build(network), job.seed),
            split(images, job.seed),
            options,
            on_progress,
            checkpoint=job.checkpoint,
            until=job.until,
        )
    except TrainingDiverged as error:
        curve = tuple(asdict(epoch) for epoch in error.curve)
        run = StudyRun(
            job.candidate, job.seed, "failed", str(error), curve, None, 0.0, None, device
        )
    except (MemoryError, RuntimeError) as error:
        # torch reports exhausted memory as a RuntimeError (OutOfMemoryError is one).
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        run = StudyRun(job.candidate, job.seed, "failed", reason, (), None, 0.0, None, device)
    else:
        curve = tuple(asdict(epoch) for epoch in result.curve)
        reason = "" if result.warning is None else AT_CHANCE
        run = StudyRun(
            job.candidate, job.seed, "done", reason, curve, result.test_accuracy, result.seconds,
            result.batch_size, result.device, result.test_loss,
        )  # fmt: skip
    write_atomic(job.record, json.dumps(asdict(run), indent=1) + "\n")
    if job.until == options.epochs:
        job.checkpoint.unlink(missing_ok=True)
    return run


def read_record(job: Job) -> StudyRun | None:
    """A finished run on disk; ``None`` where there is none, or it failed for lack of memory."""
    try:
        words = json.loads(job.record.read_text(encoding="utf-8"))
        words["curve"] = tuple(words["curve"])
        run = replace(StudyRun(**words), candidate=job.candidate)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return None if run.status == "failed" and "diverged" not in run.reason else run


_IMAGES: list[Images] = []


def _prepare(recipe: Recipe) -> None:
    """In a worker: decode the data once."""
    _IMAGES.append(recipe.images())


def _in_worker(job: Job) -> StudyRun:
    return run_job(job, _IMAGES[0])


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
                run = StudyRun(job.candidate, job.seed, "failed", reason, (), None, 0.0, None, "")
                write_atomic(job.record, json.dumps(asdict(run), indent=1) + "\n")
                yield job, run
            workers = 1
        finally:
            pool.close()


def estimate_s(rivals: Sequence[Candidate], recipe: Recipe, images: int, seeds: int) -> float:
    """Seconds of training in all, from two timed steps of each network on random images."""
    import torch

    from mathdesign.export.convnet import build
    from mathdesign.validators.training.images import chosen_device, cpu_threads, initialised

    batch, total = min(recipe.options.batch_size, images), 0.0
    device = chosen_device(recipe.options.device)
    with cpu_threads(recipe.options.threads):
        pixels = torch.zeros(batch, recipe.channels, recipe.size, recipe.size, device=device)
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        for rival in rivals:
            module = initialised(lambda n=rival.network: build(n), 0).to(device)  # type: ignore[misc]
            module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            for _ in range(2):  # The first one warms up.
                start = time.monotonic()
                module(pixels).logsumexp(1).sum().backward()
                step_s = time.monotonic() - start
            total += step_s * images / batch
    # Of the images, 70% train; validation and test cost a third of a training pass each.
    return total * recipe.options.epochs * seeds * 0.75
