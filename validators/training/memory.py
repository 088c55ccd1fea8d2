"""Memory: what lives at once in a pass, and how many images a training step has room for."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

#: Of the free memory, what saved activations may take: their gradients need about as much again.
SHARE = 0.4


def saved_bytes(module: nn.Module, shape: tuple[int, ...], device: str = "cpu") -> int:
    """Bytes of activations that backward keeps for one image of ``shape`` (channels, h, w)."""
    import copy

    import torch

    kept: dict[int, int] = {}
    weights = {p.untyped_storage().data_ptr() for p in module.parameters()}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    probe = copy.deepcopy(module).train()
    weights |= {p.untyped_storage().data_ptr() for p in probe.parameters()}
    images = torch.zeros(2, *shape, device=device)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = probe(images)
    del output
    return sum(kept.values()) // 2


class AliveBytes:
    """``most``: the greatest sum of bytes of new tensor storages alive at once.

    ``seen`` maps storages to what watches them; those put there beforehand are not counted.
    """

    def __init__(self) -> None:
        self.now = self.most = 0
        self.seen: dict[int, Any] = {}

    @contextmanager
    def watching(self) -> Iterator[AliveBytes]:
        """Count what torch's operations return while this is entered."""
        import torch
        from torch.utils._python_dispatch import TorchDispatchMode

        alive = self

        class Watching(TorchDispatchMode):  # type: ignore[no-untyped-call]
            def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
                result = func(*args, **(kwargs or {}))
                for tensor in result if isinstance(result, tuple | list) else (result,):
                    if isinstance(tensor, torch.Tensor):
                        alive.note(tensor.untyped_storage())
                return result

        with Watching():  # type: ignore[no-untyped-call]
            yield self

    def note(self, storage: torch.UntypedStorage) -> None:
        """Count a storage until it is gone; once."""
        key, size = storage._cdata, storage.nbytes()
        if key in self.seen or size == 0:
            return
        self.seen[key] = weakref.finalize(storage, self._gone, key, size)
        self.now += size
        self.most = max(self.most, self.now)

    def _gone(self, key: int, size: int) -> None:
        self.now -= size
        del self.seen[key]


def free_bytes(device: str = "cpu") -> int | None:
    """Free memory of the device; ``None`` where the system does not say."""
    import torch

    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
    group = Path("/sys/fs/cgroup")
    try:  # A container's limit, where there is one.
        limit = int((group / "memory.max").read_text())
        return min(free, limit - int((group / "memory.current").read_text()))
    except (OSError, ValueError):
        return free


def fitting_batch(
    module: nn.Module, shape: tuple[int, ...], wanted: int, device: str = "cpu"
) -> int:
    """``wanted`` images, or as many as the free memory has room for.

    Raises ``MemoryError`` where it has room for less than two (batch norm needs two).
    """
    free = free_bytes(device)
    if free is None:
        return wanted
    each = saved_bytes(module, shape, device)
    room = int(SHARE * free) // max(each, 1)
    if room < min(2, wanted):
        raise MemoryError(
            f"one image keeps {each / 2**20:,.0f} MiB of activations, {free / 2**20:,.0f} MiB are free: "
            "use smaller images or a smaller network"
        )
    return min(wanted, room)
