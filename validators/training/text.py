"""A short training run of a language model, judged in bits per byte of text held out.

Bits per byte do not depend on how text is cut into tokens, so models of different vocabularies can
be compared. Same seed, same text, same number of threads: same figures.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mathdesign.validators.training.chance import context_free_bits, text_warning
from mathdesign.validators.training.data import DataError
from mathdesign.validators.training.images import (
    TrainingDiverged,
    cpu_threads,
    make_optimizer,
    schedule,
)
from mathdesign.validators.training.recipe import TrainingOptions
from mathdesign.validators.training.text_data import Encoding, Text

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
    """Train ``module`` (tokens to scores of the next) in place on the CPU.

    Raises :class:`TrainingDiverged`, and :class:`DataError` where the text is too short.
    """
    import torch

    train = torch.from_numpy(encoding.encode(text.train))
    held_out = torch.from_numpy(encoding.encode(text.held_out))
    for part in (train, held_out):
        if len(part) < 2 * options.length + 1:
            raise DataError(
                f"{text.name}: {len(part)} tokens in a part of the text; sequences of "
                f"{options.length} need {2 * options.length + 1}"
            )
    bytes_a_token = len(text.held_out) / len(held_out)
    held_out = held_out[: options.held_out_tokens + 1]
    begin, cpu = time.monotonic(), time.process_time()
    curve: list[TextCheck] = []
    losses: list[float] = []
    ends = {round(options.steps * (i + 1) / options.checks) for i in range(options.checks)}
    generator = torch.Generator().manual_seed(options.seed)
    with cpu_threads(options.threads):
        optimizer = make_optimizer(
            module,
            TrainingOptions(learning_rate=options.learning_rate, weight_decay=options.weight_decay),
        )
        for step in range(options.steps):
            factor = schedule(step, options.steps, options.warm_up)
            for group in optimizer.param_groups:
                group["lr"] = options.learning_rate * factor
            module.train()
            loss = next_token_loss(module, batch(train, options, generator))
            losses.append(float(loss.detach()))
            if not math.isfinite(losses[-1]):
                raise TrainingDiverged(step + 1, losses[-1], ())
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()
            if step + 1 in ends:
                bits = evaluate(module, held_out, options.length) / math.log(2) / bytes_a_token
                mean = sum(losses) / len(losses)
                curve.append(TextCheck(step + 1, mean, bits, time.monotonic() - begin))
                losses.clear()
                if on_check is not None:
                    on_check(curve[-1])
    bits = context_free_bits(train.numpy(), held_out[1:].numpy(), encoding.vocabulary)
    baseline = bits / bytes_a_token
    return TextResult(
        curve=tuple(curve),
        bits_per_byte=curve[-1].bits_per_byte,
        seconds=time.monotonic() - begin,
        cpu_seconds=time.process_time() - cpu,
        tokens=options.steps * options.batch_size * options.length,
        text=text.name,
        text_sha256=text.sha256,
        encoding=encoding.name,
        options=options,
        context_free_bits_per_byte=baseline,
        warning=text_warning(curve[-1].bits_per_byte, baseline),
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
