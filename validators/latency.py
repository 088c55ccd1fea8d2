"""How long the built network takes on this machine, and the memory that it holds at most."""

from __future__ import annotations

import statistics
import time
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mathdesign.validators.training import chosen_device, cpu_threads

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
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    live: dict[int, int] = {}
    peak = 0

    def watch(tensor: Any) -> None:
        nonlocal peak
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key not in live:
            live[key] = storage.nbytes()
            weakref.finalize(storage, live.pop, key, None)
        peak = max(peak, sum(live.values()))

    class Watching(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            result = func(*args, **(kwargs or {}))
            for tensor in result if isinstance(result, tuple | list) else (result,):
                if isinstance(tensor, torch.Tensor):
                    watch(tensor)
            return result

    kept = [t.untyped_storage() for t in (*module.parameters(), *module.buffers(), images)]
    for storage in kept:
        live[storage._cdata] = storage.nbytes()
    peak = sum(live.values())
    with Watching():  # type: ignore[no-untyped-call]
        module(images)
    return peak
