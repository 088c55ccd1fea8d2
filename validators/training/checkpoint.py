"""The state of a training run in a file: whole or not there, of this run or refused, never code."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable, Iterable
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mathdesign.files import write_atomic

if TYPE_CHECKING:
    import numpy.typing as npt
    from _typeshed import DataclassInstance
    from torch import nn

FORMAT = 1


class CheckpointError(Exception):
    """A file that is no checkpoint, or one of another run; the message says which."""


def fingerprint(
    module: nn.Module, data: Iterable[npt.NDArray[Any]], options: DataclassInstance
) -> str:
    """SHA-256 of what a run is made of: the recipe, the data and its split, the initial weights."""
    digest = hashlib.sha256(repr(astuple(options)).encode())
    for part in data:
        digest.update(part.tobytes())
    for name, tensor in module.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


class Resumable(Protocol):
    """A training run whose state can be kept. ``curve`` holds dataclasses of plain values."""

    module: nn.Module
    optimizer: Any
    generator: Any
    curve: list[Any]
    step: int
    start_s: float

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start, pauses left out."""


def state_of(run: Resumable) -> dict[str, object]:
    """What the rest of a run depends on, of whatever it is trained on: tensors, numbers, text."""
    return {
        "module": run.module.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "generator": run.generator.get_state(),
        "curve": [list(astuple(entry)) for entry in run.curve],
        "step": run.step,
        "elapsed_s": run.elapsed_s,
    }


def resume(run: Resumable, state: dict[str, Any], entry: Callable[..., Any]) -> None:
    """The inverse of :func:`state_of`; ``entry`` makes the curve's entries."""
    run.module.load_state_dict(state["module"])
    run.optimizer.load_state_dict(state["optimizer"])
    run.generator.set_state(state["generator"])
    run.curve = [entry(*values) for values in state["curve"]]
    run.step, run.start_s = state["step"], time.monotonic() - state["elapsed_s"]


def write_checkpoint(path: Path, mark: str, state: dict[str, object]) -> None:
    """Write ``state`` of the run ``mark``; a reader sees the old file or the new one."""
    import torch

    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "mark": mark, **state}, buffer)
    write_atomic(path, buffer.getvalue())


def read_checkpoint(path: Path, mark: str) -> dict[str, Any] | None:
    """The state in ``path``, ``None`` where there is no file. Raises :class:`CheckpointError`."""
    import pickle

    import torch

    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:  # Tensors, numbers and text only: a file from a stranger runs no code.
        state = torch.load(io.BytesIO(content), weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path}: not a checkpoint; remove it to start anew") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT or state.get("mark") != mark:
        raise CheckpointError(
            f"{path}: of another run (recipe, data, network or seed differ); remove it to start anew"
        )
    return state
