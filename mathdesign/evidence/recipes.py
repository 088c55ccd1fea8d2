"""How all networks of a study are trained and what they are judged by: on images, or on text.

A recipe says it once for the study (:mod:`mathdesign.evidence.study`), which knows neither: it reads
the data, trains one network on them up to a round, and guesses how long that takes.
"""

from __future__ import annotations

import abc
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from mathdesign.evidence.measure import ACCURACY, BITS, Measure

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import nn

    from mathdesign.validators.training.data import Images
    from mathdesign.validators.training.images import TrainingProgress
    from mathdesign.validators.training.recipe import TrainingOptions
    from mathdesign.validators.training.text import TextOptions
    from mathdesign.validators.training.text_data import Tokens

#: Of the images, 70% train; validation and test cost a third of a training pass each.
IMAGE_SHARE = 0.75
#: A pass without gradients, in training steps.
FORWARD = 1 / 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run as far as it went: a mapping a round, what it is judged by, and a warning, if any."""

    curve: tuple[Mapping[str, Any], ...]
    score: float
    seconds: float
    batch_size: int
    device: str
    warning: str | None
    test_loss: float | None = None


D = TypeVar("D")
OnProgress = Callable[["TrainingProgress"], None]


class Recipe(abc.ABC, Generic[D]):
    """What all runs of a study share; picklable, so that processes can be given it."""

    options: Any
    """A recipe of :mod:`mathdesign.validators.training`; its seed is replaced by each run's own."""
    measure: ClassVar[Measure]
    split: ClassVar[str]
    """What is held out, in words."""

    def seeded(self, seed: int) -> Any:
        """The options of a run."""
        return replace(self.options, seed=seed)

    def words(self) -> dict[str, Any]:
        """Everything about it, for files."""
        found: dict[str, Any] = asdict(self)  # type: ignore[call-overload]  # recipes are dataclasses
        return {**found, "split": self.split}

    @property
    @abc.abstractmethod
    def rounds(self) -> int:
        """How often a whole run looks at data held out: a run may be stopped after each."""

    @property
    @abc.abstractmethod
    def device(self) -> str:
        """Where it is trained: ``cuda`` or ``cpu``."""

    @abc.abstractmethod
    def load(self) -> D:
        """The data, decoded. Raises ``DataError``."""

    @abc.abstractmethod
    def mark(self, data: D) -> str:
        """SHA-256 of the data as they are trained on."""

    @abc.abstractmethod
    def train(
        self, module: nn.Module, data: D, seed: int, until: int, checkpoint: Path,
        on_progress: OnProgress | None = None,
    ) -> Outcome:  # fmt: skip
        """Train in place until a round; where ``checkpoint`` exists, the run goes on from it.

        Raises ``TrainingDiverged``, ``MemoryError``, ``CheckpointError``.
        """

    @abc.abstractmethod
    def estimate_s(self, module: nn.Module, data: D) -> float:
        """Seconds of a whole run, from two timed steps."""

    @abc.abstractmethod
    def told(self, data: D) -> str:
        """How long runs are and what they see, in words."""


@dataclass(frozen=True, slots=True)
class ImageRecipe(Recipe["Images"]):
    """On images; each run has a split of its own, by its seed."""

    data: str
    channels: int
    size: int
    classes: int
    limit: int | None
    options: TrainingOptions

    measure: ClassVar[Measure] = ACCURACY
    split: ClassVar[str] = "by each run's seed: 70% training, 10% validation, 20% test"

    @property
    def rounds(self) -> int:
        """Epochs."""
        return self.options.epochs

    @property
    def device(self) -> str:
        """As the recipe says, or the GPU where there is one."""
        from mathdesign.validators.training.images import chosen_device

        return chosen_device(self.options.device)

    def load(self) -> Images:
        """The images."""
        from mathdesign.validators.training import data

        return data.load(
            self.data,
            channels=self.channels,
            size=self.size,
            classes=self.classes,
            limit=self.limit,
        )

    def mark(self, data: Images) -> str:
        """Of the decoded images and labels."""
        return _digest(f"{data.name} {self.size} {data.mirrored}", data.pixels, data.labels)

    def train(
        self, module: nn.Module, data: Images, seed: int, until: int, checkpoint: Path,
        on_progress: OnProgress | None = None,
    ) -> Outcome:  # fmt: skip
        """Judged on the test part of the seed's split."""
        from mathdesign.validators.training.data import split
        from mathdesign.validators.training.images import train

        found = train(
            module, split(data, seed), self.seeded(seed), on_progress,
            checkpoint=checkpoint, until=until,
        )  # fmt: skip
        curve = tuple(asdict(epoch) for epoch in found.curve)
        return Outcome(
            curve, found.test_accuracy, found.seconds, found.batch_size, found.device,
            found.warning, found.test_loss,
        )  # fmt: skip

    def estimate_s(self, module: nn.Module, data: Images) -> float:
        """From steps on blank images."""
        import torch

        from mathdesign.validators.training.images import cpu_threads

        batch = min(self.options.batch_size, len(data))
        with cpu_threads(self.options.threads):
            pixels = torch.zeros(batch, self.channels, self.size, self.size, device=self.device)
            pixels = pixels.contiguous(memory_format=torch.channels_last)
            module = module.to(self.device)
            module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            step_s = _step_s(lambda: module(pixels).logsumexp(1).sum())
        return step_s * len(data) / batch * self.options.epochs * IMAGE_SHARE

    def told(self, data: Images) -> str:
        """Epochs and images."""
        images = f"{len(data):,} images of {self.size}x{self.size}"
        return f"{self.options.epochs} epochs on {data.name} ({images})"


@dataclass(frozen=True, slots=True)
class TextRecipe(Recipe["Tokens"]):
    """On text; a run's seed decides its first weights and the order of its batches."""

    data: str
    vocabulary: int
    options: TextOptions

    measure: ClassVar[Measure] = BITS
    split: ClassVar[str] = "every tenth block of 16 KiB is held out, the same for all seeds"

    @property
    def rounds(self) -> int:
        """Looks at the text held out."""
        from mathdesign.validators.training.text import check_steps

        return len(check_steps(self.options))

    @property
    def device(self) -> str:
        """Text is trained on the CPU."""
        return "cpu"

    def load(self) -> Tokens:
        """The text as the vocabulary cuts it."""
        from mathdesign.validators.training.text_data import encoding, load_text, tokenised

        text = load_text(self.data)
        return tokenised(text, encoding(text, self.vocabulary))

    def mark(self, data: Tokens) -> str:
        """Of the tokens of both parts."""
        about = f"{data.text} {data.encoding} {data.vocabulary} {data.bytes_a_token}"
        return _digest(about, data.train, data.held_out)

    def train(
        self, module: nn.Module, data: Tokens, seed: int, until: int, checkpoint: Path,
        on_progress: OnProgress | None = None,
    ) -> Outcome:  # fmt: skip
        """Judged on the text held out."""
        from mathdesign.validators.training.text import train_tokens

        found = train_tokens(
            module, data, self.seeded(seed), None, on_progress, checkpoint=checkpoint, until=until
        )
        curve = tuple(asdict(check) for check in found.curve)
        batch = self.options.batch_size
        return Outcome(curve, found.bits_per_byte, found.seconds, batch, self.device, found.warning)

    def estimate_s(self, module: nn.Module, data: Tokens) -> float:
        """From steps on one token over and over."""
        import torch

        from mathdesign.validators.training.images import cpu_threads
        from mathdesign.validators.training.text import next_token_loss

        options = self.options
        with cpu_threads(options.threads):
            tokens = torch.zeros(options.batch_size, options.length + 1, dtype=torch.int64)
            step_s = _step_s(lambda: next_token_loss(module, tokens))
        looked_at = self.rounds * min(options.held_out_tokens, len(data.held_out))
        looks = looked_at / (options.batch_size * options.length)
        return step_s * (options.steps + FORWARD * looks)

    def told(self, data: Tokens) -> str:
        """Steps and tokens."""
        seen = self.options.batch_size * self.options.length
        tokens = f"{len(data.train):,} tokens, {data.encoding}"
        return f"{self.options.steps} steps of {seen:,} tokens on {data.text} ({tokens})"


def _step_s(loss: Callable[[], Any]) -> float:
    """Seconds of a pass forward and backward; the first of two warms up."""
    for _ in range(2):
        start = time.monotonic()
        loss().backward()
        seconds = time.monotonic() - start
    return seconds


def _digest(about: str, *parts: npt.NDArray[Any]) -> str:
    digest = hashlib.sha256(about.encode())
    for part in parts:
        digest.update(part.tobytes())
    return digest.hexdigest()
