"""How long the built network takes on this machine, and the memory that it holds at most."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mathdesign.validators.training.images import chosen_device, cpu_threads
from mathdesign.validators.training.memory import AliveBytes

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one forward pass of ``batch`` images: milliseconds, bytes.

    ``peak_bytes`` are tensors alive at once during the pass, weights among them.
    """

    device: str
    threads: int
    batch: int
    repeats: int
    median_ms: float
    quartiles_ms: tuple[float, float]
    fastest_ms: float
    weight_bytes: int
    peak_bytes: int


def measure(
    module: nn.Module, channels: int, size: int, *, batch: int = 1, threads: int = 1,
    repeats: int = 30, warm_up: int = 5, device: str = "auto",
) -> Measured:  # fmt: skip
    """Run ``module`` in evaluation mode ``warm_up + repeats`` times on random images."""
    import copy

    import torch

    chosen = chosen_device(device)
    module = copy.deepcopy(module).eval().to(chosen)
    images = torch.randn(batch, channels, size, size, device=chosen)
    times = []
    with cpu_threads(threads), torch.no_grad():
        for i in range(warm_up + repeats):
            start = time.perf_counter()
            module(images)
            if chosen == "cuda":
                torch.cuda.synchronize()
            if i >= warm_up:
                times.append(1000 * (time.perf_counter() - start))
        peak = _peak_bytes(module, images)
    low, middle, high = statistics.quantiles(times, n=4)
    weights = sum(p.untyped_storage().nbytes() for p in module.parameters())
    return Measured(chosen, threads, batch, repeats, middle, (low, high), min(times), weights, peak)


def _peak_bytes(module: nn.Module, images: Any) -> int:
    """Greatest sum of tensor storages alive at once: weights, input, and what each operation makes."""
    alive = AliveBytes()
    kept = [t.untyped_storage() for t in (*module.parameters(), *module.buffers(), images)]
    for storage in kept:
        alive.note(storage)
    with alive.watching():
        module(images)
    return alive.most
