"""The Python batches of CIFAR-10 and CIFAR-100, read without running what a pickle may ask for."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from mathdesign.validators.training.image_files import (
    DataError,
    Loaded,
    Progress,
    allocate,
    evenly,
    fit,
)

#: The training files of either data set; the test files stay untouched.
TEN = tuple(f"data_batch_{i}" for i in range(1, 6))
HUNDRED = ("train",)
SIZE = 32
#: A batch is 31 MB (CIFAR-10) or 155 MB (CIFAR-100).
LARGEST_FILE_BYTES = 256 * 2**20
#: All that a batch needs besides numbers, text, lists and mappings: a numpy array.
ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


def batch_files(path: Path) -> list[Path]:
    """The training batches in a folder; empty if it holds none."""
    ten = [path / name for name in TEN if (path / name).is_file()]
    return ten or [path / name for name in HUNDRED if (path / name).is_file()]


def read_batches(
    path: Path, channels: int, size: int, limit: int | None, on_progress: Progress | None
) -> Loaded:
    """Images of the training batches in folder ``path``. Raises :class:`DataError`."""
    from PIL import Image

    parts = [_batch(file) for file in batch_files(path)]
    raw = np.concatenate([images for images, _ in parts])
    labels = np.concatenate([labels for _, labels in parts])
    names = _names(path)
    if labels.min() < 0 or (names and labels.max() >= len(names)):
        raise DataError(
            f"{path}: label {labels.max()} out of range; {len(names)} classes are named"
        )
    chosen = evenly(len(raw), limit)
    pixels = allocate(path.name, len(chosen), channels, size)
    for done, row in enumerate(chosen):
        if (channels, size) == (3, SIZE):
            pixels[done] = raw[row]
        else:
            image = Image.fromarray(raw[row].transpose(1, 2, 0))
            pixels[done] = fit(image.convert("RGB" if channels == 3 else "L"), channels, size)
        if on_progress is not None:
            on_progress(done + 1, len(chosen))
    kept = labels[chosen]
    return pixels, kept, names or tuple(str(c) for c in range(int(kept.max()) + 1))


def _batch(file: Path) -> tuple[Any, Any]:
    """Images, shape (n, 3, 32, 32) uint8, and labels of one file."""
    content = _plain(file)
    data = content.get(b"data", content.get("data"))
    labels = next((content[k] for k in (b"labels", b"fine_labels", "labels") if k in content), None)
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2:
        raise DataError(f"{file}: no array `data` of rows of {3 * SIZE * SIZE} bytes")
    rows, columns = data.shape
    if columns != 3 * SIZE * SIZE:
        raise DataError(f"{file}: no array `data` of rows of {3 * SIZE * SIZE} bytes")
    whole = isinstance(labels, list) and all(type(label) is int for label in labels)
    if labels is None or not whole or len(labels) != rows:
        raise DataError(f"{file}: `labels` must be one whole number for each of {rows} images")
    return data.reshape(-1, 3, SIZE, SIZE), np.array(labels, dtype=np.int64)


def _names(path: Path) -> tuple[str, ...]:
    for name, key in (("batches.meta", b"label_names"), ("meta", b"fine_label_names")):
        if (path / name).is_file():
            found = _plain(path / name).get(key, [])
            return tuple(
                n.decode(errors="replace") if isinstance(n, bytes) else str(n) for n in found
            )
    return ()


def _plain(file: Path) -> dict[Any, Any]:
    if file.stat().st_size > LARGEST_FILE_BYTES:
        raise DataError(f"{file}: larger than any CIFAR batch ({LARGEST_FILE_BYTES >> 20} MiB)")
    try:
        content = _Restricted(io.BytesIO(file.read_bytes()), encoding="bytes").load()
    except Exception as error:  # A broken pickle raises whatever it stumbles on.
        raise DataError(f"{file}: not a readable CIFAR batch ({error})") from error
    if not isinstance(content, dict):
        raise DataError(f"{file}: not a CIFAR batch: a {type(content).__name__}, not a mapping")
    return content


class _Restricted(pickle.Unpickler):
    """Builds numpy arrays, and nothing else that is not plain data."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)
