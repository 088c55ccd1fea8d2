"""Text to train language models on: any UTF-8 file or folder, or the text that ships with Python.

The default text is the documentation and source of Python's standard library, which is there
wherever this runs: the files in the order of their names, so that one version of Python has one
text. Its SHA-256 is recorded with every result.
"""

from __future__ import annotations

import hashlib
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mathdesign.validators.training.data import DataError

if TYPE_CHECKING:
    import numpy as np

PYTHON = "python"
#: Bytes read at most: more than a short run sees, and soon read.
MOST_BYTES = 8 * 2**20
#: The text is cut into blocks of so many bytes; every tenth is held out.
BLOCK = 2**14
HELD_OUT = 10
SUFFIXES = (".txt", ".md", ".rst", ".py")


@dataclass(frozen=True, slots=True)
class Text:
    """UTF-8 bytes in two parts: what is trained on, and what is held out."""

    name: str
    train: bytes
    held_out: bytes
    sha256: str
    """Of both parts as they were read."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How bytes become numbers below ``vocabulary``."""

    name: str
    vocabulary: int
    encode: Callable[[bytes], np.ndarray]


@dataclass(frozen=True, eq=False)
class Tokens:
    """A text as numbers below ``vocabulary``, shape ``(tokens,)`` each part, and where they are from."""

    text: str
    sha256: str
    encoding: str
    vocabulary: int
    train: np.ndarray
    held_out: np.ndarray
    bytes_a_token: float
    """Of the part held out."""


def load_text(source: str | Path = PYTHON, most_bytes: int = MOST_BYTES) -> Text:
    """The text in a file, in a folder's text files, or, for ``python``, of the standard library.

    Raises :class:`mathdesign.validators.training.data.DataError` with the place of what is not UTF-8.
    """
    files = _python_files() if source == PYTHON else _files(Path(source))
    pieces, room = [], most_bytes
    for file in files:
        try:
            piece = file.read_bytes()[:room]
        except OSError as error:
            raise DataError(f"{file}: {error.strerror or error}") from None
        pieces.append(_checked(file, piece, cut=len(piece) == room))
        room -= len(piece)
        if room <= 0:
            break
    whole = b"".join(pieces)
    blocks = [whole[i : i + BLOCK] for i in range(0, len(whole), BLOCK)]
    if len(blocks) < HELD_OUT:
        size = max(1, len(whole) // HELD_OUT)
        blocks = [whole[i : i + size] for i in range(0, len(whole), size)]
    if len(whole) < 10_000:
        raise DataError(f"{source}: {len(whole)} bytes of text; at least 10,000 are needed")
    held = [block for i, block in enumerate(blocks) if i % HELD_OUT == HELD_OUT - 1]
    rest = [block for i, block in enumerate(blocks) if i % HELD_OUT != HELD_OUT - 1]
    digest = hashlib.sha256(whole).hexdigest()
    return Text(str(source), b"".join(rest), b"".join(held), digest)


def refuse(source: str, vocabulary: int | None = None) -> None:
    """Raise :class:`DataError` for what :func:`load_text` and :func:`encoding` will refuse."""
    if vocabulary is not None:
        _refuse_vocabulary(vocabulary)
    if source == PYTHON:
        return
    try:
        load_text(source)
    except (OSError, ValueError) as error:  # names that no file can have
        raise DataError(f"{source[:80]}: {error}") from None


def _checked(file: Path, piece: bytes, cut: bool) -> bytes:
    """``piece``, unless it is not UTF-8; a character cut off at the end is left out."""
    try:
        piece.decode("utf-8")
    except UnicodeDecodeError as error:
        if cut and error.start >= len(piece) - 3:
            return piece[: error.start]
        line = piece.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{file}:{line}: byte {error.start} is not UTF-8 ({error.reason}); "
            "save the text as UTF-8"
        ) from None
    return piece


def _files(path: Path) -> list[Path]:
    """The text files that ``path`` names."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"{path}: no such file or folder; accepted: `{PYTHON}`, a path")
    found = sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file())
    if not found:
        raise DataError(f"{path}: no files that end in {', '.join(SUFFIXES)}")
    return found


def _python_files() -> list[Path]:
    """The reference manual's topics, then the library's sources, without its tests."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    topics = folder / "pydoc_data" / "topics.py"
    return [*([topics] if topics.is_file() else []), *sorted(folder.glob("*.py"))]


def _refuse_vocabulary(vocabulary: int) -> None:
    if vocabulary < 256:
        raise DataError(f"vocabulary: found {vocabulary}; text needs 256 (bytes) or more")


def encoding(text: Text, vocabulary: int) -> Encoding:
    """Bytes for a vocabulary of 256; else byte pairs merged as the training part suggests.

    Raises :class:`DataError` for a vocabulary below 256, ``ImportError`` without ``tokenizers``.
    """
    import numpy as np

    _refuse_vocabulary(vocabulary)
    if vocabulary == 256:
        return Encoding("bytes", 256, lambda data: np.frombuffer(data, np.uint8).astype(np.int64))
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, initial_alphabet=sorted(alphabet), show_progress=False
    )
    tokenizer.train_from_iterator(text.train.decode("utf-8", "ignore").splitlines(True), trainer)

    def encode(data: bytes) -> np.ndarray:
        ids = tokenizer.encode(data.decode("utf-8", "ignore")).ids
        return np.asarray(ids, np.int64)

    return Encoding("byte pairs", vocabulary, encode)


def tokenised(text: Text, how: Encoding) -> Tokens:
    """Both parts of ``text``."""
    train, held_out = how.encode(text.train), how.encode(text.held_out)
    bytes_a_token = len(text.held_out) / max(1, len(held_out))
    return Tokens(text.name, text.sha256, how.name, how.vocabulary, train, held_out, bytes_a_token)
