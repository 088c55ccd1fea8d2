"""A short training run: the same seed on the same machine gives the same curve.

Shuffling and augmentation draw from a generator of their own; torch's global one is left alone.
A run with a checkpoint goes on where it was killed, to the same end as one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mathdesign.validators.training.chance import accuracy_warning, guessed_accuracy
from mathdesign.validators.training.checkpoint import (
    fingerprint,
    read_checkpoint,
    resume,
    state_of,
    write_checkpoint,
)
from mathdesign.validators.training.data import Split
from mathdesign.validators.training.memory import fitting_batch
from mathdesign.validators.training.recipe import STANDARD, TrainingOptions

if TYPE_CHECKING:
    import numpy.typing as npt
    import torch
    from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch gave. Losses in nats, accuracies as fractions, seconds since the start."""

    number: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float

    @property
    def words(self) -> str:
        """For a line of progress."""
        return f"validation {self.validation_accuracy:.2%}"


class Look(Protocol):
    """What a look at data held out gave."""

    @property
    def words(self) -> str:
        """For a line of progress."""


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """A report after every step: steps done of all, the loss of the step, the last look."""

    step: int
    steps: int
    loss: float
    elapsed_s: float
    last: Look | None


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A run: its curve, and what the trained network makes of the test part.

    ``batch_size`` is smaller than the recipe's where the memory or the data would not do.
    """

    curve: tuple[Epoch, ...]
    test_accuracy: float
    test_loss: float
    seconds: float
    data: str
    images: tuple[int, int, int]
    """Number of training, validation and test images."""
    split_seed: int
    options: TrainingOptions
    device: str
    batch_size: int
    chance: float
    """Test accuracy of whoever always names the commonest class."""
    warning: str | None
    """Said of a test accuracy that is not distinguishable from chance."""


class TrainingDiverged(Exception):
    """The loss became infinite or NaN. ``curve`` holds the looks at data held out before."""

    def __init__(self, step: int, loss: float, curve: tuple[Any, ...]) -> None:
        self.step, self.loss, self.curve = step, loss, curve
        super().__init__(
            f"training diverged: the loss is {loss} at step {step}; lower the learning rate"
        )


def initialised(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    """``make()`` with torch's global generator seeded, and put back afterwards."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def train(
    module: nn.Module,
    data: Split,
    options: TrainingOptions = STANDARD,
    on_progress: Callable[[TrainingProgress], None] | None = None,
    *,
    checkpoint: Path | None = None,
    until: int | None = None,
) -> TrainingResult:
    """Train ``module`` in place.

    ``checkpoint``: a file written after every epoch; where it exists, the run goes on from it.
    ``until``: stop after this epoch, with the learning rates of the whole recipe.

    Raises :class:`TrainingDiverged`, ``CheckpointError`` (a file of another run) and
    ``MemoryError`` (two images are too many).
    """
    last = options.epochs if until is None else min(until, options.epochs)
    with cpu_threads(options.threads):
        run = _Run(module, data, options, on_progress)
        mark = fingerprint(run.module, _arrays(data), options) if checkpoint is not None else ""
        if checkpoint is not None and (state := read_checkpoint(checkpoint, mark)) is not None:
            run.restore(state)
        for number in range(len(run.curve) + 1, last + 1):
            run.epoch(number)
            if checkpoint is not None:
                write_checkpoint(checkpoint, mark, run.state())
        test_loss, test_accuracy = run.evaluate(data.test)
    chance = guessed_accuracy(data.images.labels[data.test])
    return TrainingResult(
        curve=tuple(run.curve),
        test_accuracy=test_accuracy,
        test_loss=test_loss,
        seconds=run.elapsed_s,
        data=data.images.name,
        images=(len(data.train), len(data.validation), len(data.test)),
        split_seed=data.seed,
        options=options,
        device=run.device,
        batch_size=run.batch_size,
        chance=chance,
        warning=accuracy_warning(test_accuracy, len(data.test), chance),
    )


def chosen_device(wanted: str) -> str:
    """``cuda`` or ``cpu``; ``auto`` takes the GPU where torch sees one."""
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return wanted


class _Run:
    """The moving parts of one training run."""

    def __init__(
        self,
        module: nn.Module,
        data: Split,
        options: TrainingOptions,
        on_progress: Callable[[TrainingProgress], None] | None,
    ) -> None:
        import torch

        # Channels last in memory: a third faster on a CPU, the same numbers in the state dictionary.
        self.device = chosen_device(options.device)
        self.module = module.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.forward = torch.compile(self.module) if options.compile else self.module
        self.data, self.options = data, options
        self.on_progress = on_progress
        self.curve: list[Epoch] = []
        self.step = 0
        self.start_s = time.monotonic()
        self.pixels = torch.from_numpy(data.images.pixels)
        self.labels = torch.from_numpy(data.images.labels)
        self.mean, self.deviation = _statistics(self.pixels[data.train])
        self.generator = torch.Generator().manual_seed(options.seed)
        self.optimizer = make_optimizer(module, options)
        # The last, smaller batch is left out (batch norm cannot train on one image); shuffling
        # gives every image its turn.
        wanted = min(options.batch_size, len(data.train))
        shape = tuple(self.pixels.shape[1:])
        self.batch_size = fitting_batch(self.module, shape, wanted, self.device)
        self.batches = len(data.train) // self.batch_size
        self.steps = options.epochs * self.batches

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.start_s

    def state(self) -> dict[str, object]:
        """Everything that the rest of the run depends on: tensors, numbers, text."""
        return {**state_of(self), "batch_size": self.batch_size}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state`."""
        resume(self, state, Epoch)
        self.batch_size = state["batch_size"]
        self.batches = len(self.data.train) // self.batch_size
        self.steps = self.options.epochs * self.batches

    def epoch(self, number: int) -> None:
        """One pass over the shuffled training part, then the validation part.

        Layers that draw numbers (dropout) draw from torch's global generator, seeded by epoch.
        """
        import torch

        devices = [torch.cuda.current_device()] if self.device == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(1_000_003 * self.options.seed + number)
            self._epoch(number)

    def _epoch(self, number: int) -> None:
        import torch

        self.module.train()
        order = torch.randperm(len(self.data.train), generator=self.generator)
        positions = torch.from_numpy(self.data.train)[order]
        loss_sum, correct = 0.0, 0
        for batch in range(self.batches):
            chosen = positions[batch * self.batch_size : (batch + 1) * self.batch_size]
            loss, hits = self.update(chosen)
            loss_sum, correct = loss_sum + loss, correct + hits
        validation = self.evaluate(self.data.validation)
        seen = self.batches * self.batch_size
        self.curve.append(
            Epoch(number, loss_sum / self.batches, correct / seen, *validation, self.elapsed_s)
        )

    def update(self, chosen: Tensor) -> tuple[float, int]:
        """One optimizer step; returns the batch's loss and number of correct answers."""
        from torch.nn.functional import cross_entropy

        for group in self.optimizer.param_groups:
            group["lr"] = self.options.learning_rate * schedule(
                self.step, self.steps, self.options.warm_up
            )
        labels = self.labels[chosen].to(self.device)
        with self.precision():
            scores = self.forward(self.batch(chosen, augment=True)).float()
        loss = cross_entropy(scores, labels, label_smoothing=self.options.label_smoothing)
        value = float(loss.detach())
        self.step += 1
        if not math.isfinite(value):
            raise TrainingDiverged(self.step, value, tuple(self.curve))
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        if self.on_progress is not None:
            last = self.curve[-1] if self.curve else None
            self.on_progress(TrainingProgress(self.step, self.steps, value, self.elapsed_s, last))
        return value, int((scores.argmax(1) == labels).sum())

    def batch(self, chosen: Tensor, augment: bool) -> Tensor:
        """Normalised images, float32 of shape (n, channels, size, size)."""
        import torch

        pixels = self.pixels[chosen].contiguous(memory_format=torch.channels_last)
        images = (pixels.float() / 255 - self.mean) / self.deviation
        if augment and self.options.crop:
            images = shifted(images, max(1, images.shape[-1] // 8), self.generator)
        if augment and self.data.images.mirrored:
            images = mirrored(images, self.generator)
        return images.to(self.device)

    def precision(self) -> AbstractContextManager[object]:
        """Products in bfloat16 on a GPU; as they are on a CPU."""
        import torch

        if self.device == "cpu":
            return nullcontext()
        return torch.autocast(self.device, torch.bfloat16)

    def evaluate(self, part: object) -> tuple[float, float]:
        """Loss (without label smoothing) and accuracy on a part of the data."""
        import torch
        from torch.nn.functional import cross_entropy

        self.module.eval()
        positions = torch.as_tensor(part)
        loss_sum, correct = 0.0, 0
        with torch.no_grad():
            for chosen in torch.split(positions, 256):
                labels = self.labels[chosen].to(self.device)
                with self.precision():
                    scores = self.module(self.batch(chosen, augment=False)).float()
                loss_sum += float(cross_entropy(scores, labels, reduction="sum"))
                correct += int((scores.argmax(1) == labels).sum())
        return loss_sum / len(positions), correct / len(positions)


def schedule(step: int, steps: int, warm_up: float) -> float:
    """Factor of the learning rate at ``step`` (from 0): linear rise, then half a cosine to 0."""
    rising = max(1, round(steps * warm_up))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def shifted(images: Tensor, distance: int, generator: torch.Generator) -> Tensor:
    """Every image moved by up to ``distance`` pixels each way; what comes in is the mean (0)."""
    import torch

    n, _, height, width = images.shape
    padded = torch.nn.functional.pad(images, (distance,) * 4)
    offset = torch.randint(0, 2 * distance + 1, (2, n, 1), generator=generator)
    rows, columns = offset[0] + torch.arange(height), offset[1] + torch.arange(width)
    each = torch.arange(n)[:, None, None]
    return padded.permute(0, 2, 3, 1)[each, rows[:, :, None], columns[:, None, :]].permute(
        0, 3, 1, 2
    )


def mirrored(images: Tensor, generator: torch.Generator) -> Tensor:
    """Half of the images, chosen at random, left-right reversed."""
    import torch

    flip = torch.rand(len(images), generator=generator) < 0.5
    return torch.where(flip[:, None, None, None], images.flip(-1), images)


def make_optimizer(module: nn.Module, options: TrainingOptions) -> torch.optim.Optimizer:
    """The optimizer that ``options`` name, without weight decay on vectors."""
    import torch

    matrices = [p for p in module.parameters() if p.ndim > 1]
    vectors = [p for p in module.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": options.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    if options.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=options.learning_rate)
    return torch.optim.SGD(groups, lr=options.learning_rate, momentum=0.9, nesterov=True)


def _arrays(data: Split) -> tuple[npt.NDArray[Any], ...]:
    """Everything that a run sees of the data."""
    return data.images.pixels, data.images.labels, data.train, data.validation, data.test


def _statistics(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel, shape (channels, 1, 1), of values in [0, 1]."""
    # Through a histogram of the 256 levels: exact, and no float copy of the whole data.
    import torch

    levels = torch.arange(256, dtype=torch.float64) / 255
    counts = torch.stack([c.flatten().bincount(minlength=256) for c in pixels.transpose(0, 1)])
    share = counts.double() / counts.sum(1, keepdim=True)
    mean = share @ levels
    deviation = (share @ levels**2 - mean**2).clamp_min(1e-6).sqrt()
    return mean.float()[:, None, None], deviation.float()[:, None, None]


@contextmanager
def cpu_threads(count: int | None) -> Iterator[None]:
    """``count`` CPU threads for a while (``None``: as they are)."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
