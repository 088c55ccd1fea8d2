"""A short training run of a language model, judged in bits per byte of text held out.

Bits per byte do not depend on how text is cut into tokens, so models of different vocabularies can
be compared. Same seed, same text, same number of threads: same figures. A run with a checkpoint goes
on where it was killed, to the same end as one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathdesign.validators.training.chance import context_free_bits, text_warning
from mathdesign.validators.training.checkpoint import (
    fingerprint,
    read_checkpoint,
    resume,
    state_of,
    write_checkpoint,
)
from mathdesign.validators.training.data import DataError
from mathdesign.validators.training.images import (
    TrainingDiverged,
    TrainingProgress,
    cpu_threads,
    make_optimizer,
    schedule,
)
from mathdesign.validators.training.recipe import TrainingOptions
from mathdesign.validators.training.text_data import Encoding, Text, Tokens, tokenised

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class TextOptions:
    """A recipe: AdamW, linear warm-up then a cosine to 0, gradients clipped at norm 1.

    ``length``: tokens of a sequence. ``checks``: how often the held-out part is looked at, evenly
    spread, the last time at the end. ``held_out_tokens``: at most so many are looked at.
    """

    steps: int = 300
    batch_size: int = 8
    length: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.1
    warm_up: float = 0.1
    checks: int = 5
    held_out_tokens: int = 65536
    seed: int = 0
    threads: int | None = 1


@dataclass(frozen=True, slots=True)
class TextCheck:
    """After ``step`` steps: mean training loss since the last check (nats a token), held out."""

    step: int
    train_loss: float
    bits_per_byte: float
    seconds: float

    @property
    def words(self) -> str:
        """For a line of progress."""
        return f"held out {self.bits_per_byte:.4f} bits per byte"


@dataclass(frozen=True, slots=True)
class TextResult:
    """A finished run. ``seconds`` is elapsed time, ``cpu_seconds`` this process's."""

    curve: tuple[TextCheck, ...]
    bits_per_byte: float
    seconds: float
    cpu_seconds: float
    tokens: int
    """Trained on, repetitions counted."""
    text: str
    text_sha256: str
    encoding: str
    options: TextOptions
    context_free_bits_per_byte: float
    """Of a model that knows how often each token occurs, and no context."""
    warning: str | None
    """Said of a model that is no better than that."""


def train_text(
    module: nn.Module,
    text: Text,
    encoding: Encoding,
    options: TextOptions = TextOptions(),
    on_check: Callable[[TextCheck], None] | None = None,
) -> TextResult:
    """As :func:`train_tokens`, of a text that is encoded here."""
    return train_tokens(module, tokenised(text, encoding), options, on_check)


def train_tokens(
    module: nn.Module,
    tokens: Tokens,
    options: TextOptions = TextOptions(),
    on_check: Callable[[TextCheck], None] | None = None,
    on_progress: Callable[[TrainingProgress], None] | None = None,
    *,
    checkpoint: Path | None = None,
    until: int | None = None,
) -> TextResult:
    """Train ``module`` (tokens to scores of the next) in place on the CPU.

    ``checkpoint``: a file written after every look at the text held out; where it exists, the run
    goes on from it. ``until``: stop after so many looks, with the learning rates of the whole recipe.

    Raises :class:`TrainingDiverged`, :class:`DataError` where the text is too short, and
    ``CheckpointError`` (a file of another run).
    """
    _refuse_short(tokens, options)
    ends = check_steps(options)[:until]
    with cpu_threads(options.threads):
        run = _Run(module, tokens, options, on_progress)
        parts = (tokens.train, tokens.held_out)
        mark = fingerprint(module, parts, options) if checkpoint is not None else ""
        if checkpoint is not None and (state := read_checkpoint(checkpoint, mark)) is not None:
            run.restore(state)
        for end in ends[len(run.curve) :]:
            run.to_step(end)
            if checkpoint is not None:
                write_checkpoint(checkpoint, mark, run.state())
            if on_check is not None:
                on_check(run.curve[-1])
    return run.result()


def check_steps(options: TextOptions) -> tuple[int, ...]:
    """After which steps the text held out is looked at, the last one last."""
    ends = {round(options.steps * (i + 1) / options.checks) for i in range(options.checks)}
    return tuple(sorted(ends - {0}))


def _refuse_short(tokens: Tokens, options: TextOptions) -> None:
    for part in (tokens.train, tokens.held_out):
        if len(part) < 2 * options.length + 1:
            raise DataError(
                f"{tokens.text}: {len(part)} tokens in a part of the text; sequences of "
                f"{options.length} need {2 * options.length + 1}"
            )


class _Run:
    """The moving parts of one training run."""

    def __init__(
        self,
        module: nn.Module,
        tokens: Tokens,
        options: TextOptions,
        on_progress: Callable[[TrainingProgress], None] | None,
    ) -> None:
        import torch

        self.module, self.tokens, self.options = module, tokens, options
        self.on_progress = on_progress
        self.train = torch.from_numpy(tokens.train)
        self.held_out = torch.from_numpy(tokens.held_out)[: options.held_out_tokens + 1]
        self.start_s, self.start_cpu_s = time.monotonic(), time.process_time()
        self.curve: list[TextCheck] = []
        self.losses: list[float] = []
        self.step = 0
        self.generator = torch.Generator().manual_seed(options.seed)
        self.optimizer = make_optimizer(
            module,
            TrainingOptions(learning_rate=options.learning_rate, weight_decay=options.weight_decay),
        )

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.start_s

    def state(self) -> dict[str, object]:
        """Everything that the rest of the run depends on, right after a look."""
        return {**state_of(self), "cpu_s": time.process_time() - self.start_cpu_s}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state`."""
        resume(self, state, TextCheck)
        self.start_cpu_s = time.process_time() - state["cpu_s"]

    def to_step(self, end: int) -> None:
        """Updates until ``end``, then a look at the text held out."""
        while self.step < end:
            self.update()
        nats = evaluate(self.module, self.held_out, self.options.length)
        bits = nats / math.log(2) / self.tokens.bytes_a_token
        mean = sum(self.losses) / len(self.losses)
        self.curve.append(TextCheck(end, mean, bits, self.elapsed_s))
        self.losses.clear()

    def update(self) -> None:
        """One optimizer step."""
        import torch

        options = self.options
        factor = schedule(self.step, options.steps, options.warm_up)
        for group in self.optimizer.param_groups:
            group["lr"] = options.learning_rate * factor
        self.module.train()
        loss = next_token_loss(self.module, batch(self.train, options, self.generator))
        value = float(loss.detach())
        self.losses.append(value)
        self.step += 1
        if not math.isfinite(value):
            raise TrainingDiverged(self.step, value, tuple(self.curve))
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
        self.optimizer.step()
        if self.on_progress is not None:
            last = self.curve[-1] if self.curve else None
            self.on_progress(
                TrainingProgress(self.step, options.steps, value, self.elapsed_s, last)
            )

    def result(self) -> TextResult:
        """The run as far as it went, beside what a model without context would reach."""
        tokens, options, bits = self.tokens, self.options, self.curve[-1].bits_per_byte
        held_out = self.held_out[1:].numpy()
        free = context_free_bits(tokens.train, held_out, tokens.vocabulary) / tokens.bytes_a_token
        return TextResult(
            curve=tuple(self.curve),
            bits_per_byte=bits,
            seconds=self.elapsed_s,
            cpu_seconds=time.process_time() - self.start_cpu_s,
            tokens=self.step * options.batch_size * options.length,
            text=tokens.text,
            text_sha256=tokens.sha256,
            encoding=tokens.encoding,
            options=options,
            context_free_bits_per_byte=free,
            warning=text_warning(bits, free),
        )


def batch(tokens: Tensor, options: TextOptions, generator: object) -> Tensor:
    """Sequences from anywhere in ``tokens``, shape (batch, length + 1)."""
    import torch

    shape = (options.batch_size, 1)
    starts = torch.randint(0, len(tokens) - options.length, shape, generator=generator)  # type: ignore[call-overload]
    chosen: Tensor = tokens[starts + torch.arange(options.length + 1)]
    return chosen


def next_token_loss(module: nn.Module, sequences: Tensor) -> Tensor:
    """Mean cross-entropy, in nats, of every token but the first."""
    from torch.nn.functional import cross_entropy

    scores = module(sequences[:, :-1])
    return cross_entropy(scores.flatten(0, 1), sequences[:, 1:].flatten())


def evaluate(module: nn.Module, tokens: Tensor, length: int, batch_size: int = 16) -> float:
    """Mean cross-entropy in nats a token over consecutive sequences of ``length`` tokens."""
    import torch

    module.eval()
    whole = (len(tokens) - 1) // length
    starts = torch.arange(whole)[:, None] * length + torch.arange(length + 1)
    total = 0.0
    with torch.no_grad():
        for rows in torch.split(starts, batch_size):
            total += float(next_token_loss(module, tokens[rows])) * len(rows)
    return total / whole
