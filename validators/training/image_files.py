"""Images out of files: Parquet in Hugging Face layout, folders, and the decoder both share."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL import Image

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
#: Called with (images done, images in all).
Progress = Callable[[int, int], None]
#: Pixels, labels, class names.
Loaded = tuple[Pixels, Labels, tuple[str, ...]]

#: A compressed image may not unpack to more pixels than this (a decompression bomb otherwise).
LARGEST_IMAGE_PIXELS = 64 * 2**20
#: All images of a data set, decoded and resized, must fit in this much memory.
LARGEST_DATA_BYTES = 4 * 2**30
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"})
IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMNS = ("label", "labels", "fine_label")


class DataError(Exception):
    """The data cannot be used; the message says where, why, and the way out."""


def read_parquet(
    path: Path, channels: int, size: int, limit: int | None, on_progress: Progress | None
) -> Loaded:
    """Images of a Parquet file (``image`` or ``img``: struct<bytes, path>; ``label``: integers)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            columns = [_column(path, names, wanted) for wanted in (IMAGE_COLUMNS, LABEL_COLUMNS)]
            chosen = evenly(file.metadata.num_rows, limit)
            named = _named_classes(file.schema_arrow.metadata, columns[1])
            pixels = allocate(path.name, len(chosen), channels, size)
            labels = np.zeros(len(chosen), dtype=np.int64)
            for done, (row, image, label) in enumerate(_rows(file, columns, chosen)):
                where = f"{path}: row {row}"
                labels[done] = _label(label, where, named, file.metadata.num_rows)
                pixels[done] = decode(_content(image, where), where, channels, size)
                if on_progress is not None:
                    on_progress(done + 1, len(chosen))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a readable Parquet file ({error})") from error
    return pixels, labels, named or tuple(str(c) for c in range(labels.max(initial=-1) + 1))


def read_folder(
    path: Path, channels: int, size: int, limit: int | None, on_progress: Progress | None
) -> Loaded:
    """Images of a folder with one sub-folder per class, classes in alphabetical order."""
    folders, files = listed(path)
    chosen = evenly(len(files), limit)
    pixels = allocate(path.name, len(chosen), channels, size)
    for done, index in enumerate(chosen):
        file = files[index][0]
        pixels[done] = decode(file.read_bytes(), str(file), channels, size)
        if on_progress is not None:
            on_progress(done + 1, len(chosen))
    labels = np.array([files[index][1] for index in chosen], dtype=np.int64)
    return pixels, labels, tuple(folder.name for folder in folders)


def listed(path: Path) -> tuple[list[Path], list[tuple[Path, int]]]:
    """The folders of the classes in ``path``, and every image file with its label."""
    folders = sorted(f for f in path.iterdir() if f.is_dir() and not f.name.startswith("."))
    if not folders:
        raise DataError(f"{path}: no sub-folders; one per class is needed, with its images inside")
    files: list[tuple[Path, int]] = []
    for label, folder in enumerate(folders):
        found = sorted(f for f in folder.iterdir() if f.suffix.lower() in IMAGE_SUFFIXES)
        if not found:
            raise DataError(
                f"{folder}: class without images; accepted files: {', '.join(sorted(IMAGE_SUFFIXES))}"
            )
        files += [(file, label) for file in found]
    return folders, files


def parquet_classes(path: Path) -> tuple[str, ...]:
    """The classes that a Parquet file names, perhaps none, from its schema alone."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            columns = [_column(path, names, wanted) for wanted in (IMAGE_COLUMNS, LABEL_COLUMNS)]
            return _named_classes(file.schema_arrow.metadata, columns[1])
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a readable Parquet file ({error})") from error


def decode(content: bytes, where: str, channels: int, size: int) -> Pixels:
    """An encoded image as ``(channels, size, size)``; raises :class:`DataError` naming ``where``."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
            if width * height > LARGEST_IMAGE_PIXELS:
                raise DataError(
                    f"{where}: {width} x {height} pixels, above the limit of "
                    f"{LARGEST_IMAGE_PIXELS:,}; shrink the image"
                )
            return fit(image.convert("RGB" if channels == 3 else "L"), channels, size)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{where}: corrupt image ({error}); remove or replace it") from error


def fit(image: Image.Image, channels: int, size: int) -> Pixels:
    """The middle square of an RGB or grey image, resized; grey is repeated over the channels.

    A square that is a whole multiple of the size is averaged: 2x2 pixels, 3x3 and so on.
    """
    from PIL import Image, ImageOps

    factor = image.width // size
    if image.size == (factor * size, factor * size):
        image = image.reduce(factor)
    else:
        image = ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)
    array = np.asarray(image, dtype=np.uint8)
    if array.ndim == 3:
        return array.transpose(2, 0, 1)
    return np.broadcast_to(array, (channels, size, size))


def allocate(name: str, images: int, channels: int, size: int) -> Pixels:
    """Room for all images. Raises :class:`DataError` rather than exhaust the memory."""
    needed = images * channels * size * size
    if needed > LARGEST_DATA_BYTES:
        raise DataError(
            f"{name}: {images:,} images of {channels} x {size} x {size} need {needed / 2**30:.1f} GiB, "
            f"above {LARGEST_DATA_BYTES // 2**30} GiB; use a smaller size or limit the images"
        )
    return np.empty((images, channels, size, size), dtype=np.uint8)


def evenly(total: int, limit: int | None) -> list[int]:
    """Positions of at most ``limit`` of ``total`` items, evenly spaced (files are often sorted)."""
    count = total if limit is None else min(total, limit)
    return [i * total // count for i in range(count)]


def _column(path: Path, names: Sequence[str], wanted: Sequence[str]) -> str:
    for name in wanted:
        if name in names:
            return name
    raise DataError(
        f"{path}: no column {' or '.join(map(repr, wanted))}; it has {', '.join(map(repr, names))}: "
        "rename the column"
    )


def _rows(
    file: Any, columns: Sequence[str], chosen: Sequence[int]
) -> Iterator[tuple[int, Any, Any]]:
    """(row number, image, label) of the chosen rows, a batch of rows in memory at a time."""
    wanted, start = iter([*chosen, -1]), 0
    row = next(wanted)
    for batch in file.iter_batches(batch_size=1024, columns=list(columns)):
        images, labels = (batch.column(name) for name in columns)
        while start <= row < start + len(labels):
            yield row, images[row - start].as_py(), labels[row - start].as_py()
            row = next(wanted)
        start += len(labels)


def _content(image: object, where: str) -> bytes:
    content = image.get("bytes") if isinstance(image, dict) else image
    if not isinstance(content, bytes):
        raise DataError(f"{where}: no image bytes; embed the images in the file")
    return content


def _label(label: object, where: str, named: tuple[str, ...], rows: int) -> int:
    """A label is below the number of named classes; without names, below the number of rows."""
    above = len(named) or rows
    if isinstance(label, bool) or not isinstance(label, int) or not 0 <= label < above:
        raise DataError(
            f"{where}: label {label!r} is out of range; accepted: whole numbers 0..{above - 1}"
        )
    return label


def _named_classes(metadata: dict[bytes, bytes] | None, column: str) -> tuple[str, ...]:
    """Class names that the Hugging Face writer leaves in the schema; empty if there are none."""
    try:
        info = json.loads((metadata or {})[b"huggingface"])
        return tuple(str(name) for name in info["info"]["features"][column]["names"])
    except (KeyError, TypeError, ValueError):
        return ()
