"""Labelled images from four kinds of places, split into three parts by a seed.

* ``digits``: 1,797 grey 8x8 digits that scikit-learn ships;
* a Parquet file in Hugging Face layout;
* a folder with the Python batches of CIFAR-10 or CIFAR-100 (the training ones);
* a folder with one sub-folder of images per class.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mathdesign.validators.training.cifar_batches import batch_files, read_batches
from mathdesign.validators.training.image_files import (
    DataError,
    Labels,
    Pixels,
    Progress,
    allocate,
    evenly,
    fit,
    listed,
    parquet_classes,
    read_folder,
    read_parquet,
)

__all__ = ["DataError", "Images", "Split", "load", "split"]


@dataclass(frozen=True, eq=False)
class Images:
    """``pixels``: (n, channels, size, size) uint8; ``labels``: (n,) in ``range(len(classes))``.

    ``mirrored`` says whether a mirrored image shows the same class (not so for digits).
    """

    name: str
    pixels: Pixels
    labels: Labels
    classes: tuple[str, ...]
    mirrored: bool

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Split:
    """Images in three disjoint parts (positions into ``images``), and the seed that drew them."""

    images: Images
    train: Labels
    validation: Labels
    test: Labels
    seed: int


def load(
    source: str | Path,
    *,
    channels: int,
    size: int,
    classes: int | None = None,
    limit: int | None = None,
    on_progress: Progress | None = None,
) -> Images:
    """Images of ``source`` (``digits``, a Parquet file, or a folder) as ``channels x size x size``.

    ``classes``: how many the network tells apart; more in the data is an error. ``limit``: at
    most so many images, evenly spaced. Raises :class:`DataError`.
    """
    path = Path(source)
    if str(source) == "digits":
        name, mirrored, loaded = "digits", False, _digits(channels, size, limit)
    elif path.is_dir():
        name, mirrored = path.name, True
        reader = read_batches if batch_files(path) else read_folder
        loaded = reader(path, channels, size, limit, on_progress)
    elif path.is_file():
        name, mirrored = path.name, True
        loaded = read_parquet(path, channels, size, limit, on_progress)
    else:
        raise _no_such(source)
    images = Images(name, *loaded, mirrored)
    _check_labels(images, classes)
    return images


def refuse(source: str | Path, classes: int | None = None) -> None:
    """Raise :class:`DataError` for what :func:`load` will refuse, as far as no image has to be read."""
    path = Path(source)
    try:
        if str(source) == "digits":
            found = 10
        elif path.is_dir():
            found = 0 if batch_files(path) else len(listed(path)[0])
        elif path.is_file():
            found = len(parquet_classes(path))
        else:
            raise _no_such(source)
    except (OSError, ValueError) as error:  # names that no file can have
        raise DataError(f"{str(source)[:80]}: {error}") from None
    _refuse_classes(path.name, found, classes)


def _no_such(source: str | Path) -> DataError:
    return DataError(
        f"{source}: no such data; accepted: 'digits', a Parquet file with columns "
        "image and label, a folder of CIFAR's Python batches, or a folder with one sub-folder "
        "of images per class"
    )


def _refuse_classes(name: str, found: int, told_apart: int | None) -> None:
    if told_apart is not None and found > told_apart:
        raise DataError(
            f"{name}: label out of range: {found} classes, but the network "
            f"tells {told_apart} apart; set `classes: {found}` in the space"
        )


def split(images: Images, seed: int, *, validation: float = 0.1, test: float = 0.2) -> Split:
    """Shuffle every class by ``seed`` and cut it in three: each part has every class's share.

    Fractions are of the whole. Raises :class:`DataError` where a class is too small to be cut.
    """
    generator = np.random.default_rng(seed)
    parts: tuple[list[Labels], ...] = ([], [], [])
    for label, name in enumerate(images.classes):
        members = generator.permutation(np.flatnonzero(images.labels == label))
        held, tested = (max(1, round(len(members) * f)) for f in (validation, test))
        kept = len(members) - held - tested
        if kept < 1:
            raise DataError(
                f"{images.name}: class {name!r} has {len(members)} images, too few for a training, "
                "a validation and a test part: add images or drop the class"
            )
        for part, cut in zip(parts, np.split(members, [kept, kept + held])):
            part.append(cut)
    train, validating, testing = (np.sort(np.concatenate(part)) for part in parts)
    return Split(images, train, validating, testing, seed)


def _check_labels(images: Images, classes: int | None) -> None:
    """Some image, every class with an image, no class that the network does not know."""
    if not len(images):
        raise DataError(f"{images.name}: no images at all")
    _refuse_classes(images.name, len(images.classes), classes)
    counts = np.bincount(images.labels, minlength=len(images.classes))
    if empty := [name for name, n in zip(images.classes, counts) if not n]:
        raise DataError(
            f"{images.name}: class {empty[0]!r} has no image ({len(empty)} of {len(counts)} classes "
            "are empty); add images or remove the class"
        )


def _digits(channels: int, size: int, limit: int | None) -> tuple[Pixels, Labels, tuple[str, ...]]:
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    chosen = evenly(len(digits.target), limit)
    pixels = allocate("digits", len(chosen), channels, size)
    for i, grey in enumerate(digits.images[chosen]):  # 16 levels of grey, 0..16
        eight_bit = np.rint(grey * (255 / 16)).astype(np.uint8)
        pixels[i] = fit(Image.fromarray(eight_bit), channels, size)
    return pixels, digits.target[chosen].astype(np.int64), tuple("0123456789")
