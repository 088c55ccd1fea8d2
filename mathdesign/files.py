"""Writing files so that a reader never sees half of one, and folders that hold one answer only."""

from __future__ import annotations

import contextlib
import errno
import functools
import glob
import hashlib
import io
import json
import math
import os
import re
import tempfile
import time
from collections.abc import Container, Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any

#: Strings of this form need no quotes, unless YAML 1.2 reads them as something else.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_RESERVED = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
#: Longer keys take YAML's explicit form.
LONGEST_KEY = 100
#: Beside the files of an answer: which they are, and what they held when they were written.
MANIFEST = ".mathdesign.json"
LARGEST_MANIFEST_BYTES = 1 << 20
#: A temporary file of this age belongs to a process that was killed.
STALE_S = 600.0


def write_atomic(path: Path | str, content: str | bytes) -> Path:
    """Write ``content`` (text as UTF-8) to ``path`` through a temporary file in the same folder.

    The folder is created if it is missing. A reader sees the old file or the new one, and a
    failure leaves the old one. Returns the path. Raises ``OSError`` as the system reports it.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    _remove_stale(target)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        temporary = Path(name)
        temporary.chmod(_permissions(target))
        temporary.replace(target)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        if isinstance(error, OSError) and error.errno is not None:
            # A full disk does not say which one, and nobody knows the temporary file.
            raise OSError(error.errno, os.strerror(error.errno), str(target)) from error
        raise
    return target


def write_whole(
    folder: Path, files: Mapping[str, str | bytes], kept: Container[str] = ()
) -> list[Path]:
    """Write ``files`` (name -> content) so that ``folder`` holds no others of an earlier answer.

    What was written here before (:data:`MANIFEST`), is still as it was written, and is neither in
    ``files`` nor ``kept`` goes first. Files of anybody else stay. The paths, in order.
    """
    noted = noted_in(folder)
    gone = {name: d for name, d in noted.items() if name not in files and name not in kept}
    remove_ours(folder, gone)
    written = [write_atomic(folder / name, content) for name, content in files.items()]
    stay = {name: digest for name, digest in noted.items() if name not in gone}
    _write_manifest(folder, stay | {name: digest_of(content) for name, content in files.items()})
    return written


def note_ours(paths: Iterable[Path]) -> list[Path]:
    """Remember files beside an answer as ours: they go when another answer takes their folder."""
    found = list(paths)
    for folder in dict.fromkeys(path.parent for path in found):
        own = {p.name: digest_of(p.read_bytes()) for p in found if p.parent == folder}
        _write_manifest(folder, {**noted_in(folder), **own})
    return found


def noted_in(folder: Path) -> dict[str, str]:
    """The manifest of a folder: name -> digest. Nothing where it is missing or is none."""
    try:
        with (folder / MANIFEST).open("rb") as file:
            found = json.loads(file.read(LARGEST_MANIFEST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {n: d for n, d in found.items() if isinstance(d, str) and is_plain(n)}


def is_plain(name: Any) -> bool:
    """Whether ``name`` is that of a file or folder right below another: no path leads out of it."""
    if not isinstance(name, str) or "\0" in name:
        return False
    return name == Path(name).name and name not in ("", ".", "..")


def remove_ours(folder: Path, noted: Mapping[str, str]) -> None:
    """Remove the files of ``noted`` that still are what was written.

    A file that somebody has changed since is somebody's: it stays, and is no longer ours.
    """
    for name, digest in noted.items():
        path = folder / name
        with contextlib.suppress(OSError):
            if not path.is_symlink() and digest_of(path.read_bytes()) == digest:
                path.unlink()


def digest_of(content: str | bytes) -> str:
    """SHA-256, hexadecimal; of text as UTF-8."""
    data = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(data).hexdigest()


def _write_manifest(folder: Path, noted: Mapping[str, str]) -> None:
    text = json.dumps(dict(sorted(noted.items())), indent=1) + "\n"
    path = folder / MANIFEST
    if not path.is_file() or path.read_text(encoding="utf-8", errors="replace") != text:
        write_atomic(path, text)


def refuse_folder(folder: Path) -> None:
    """Raise ``OSError`` where no file can be written below ``folder``, which may be missing."""
    here = folder
    while not here.exists() and here != here.parent:
        here = here.parent
    if not here.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(here))
    if not os.access(here, os.W_OK | os.X_OK) or os.statvfs(here).f_flag & os.ST_RDONLY:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(here))


def _remove_stale(target: Path) -> None:
    """Remove what a killed process left half written beside ``target``, once it is old enough
    that nobody can still be writing it.
    """
    for stale in target.parent.glob(f".{glob.escape(target.name)}.*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - stale.stat().st_mtime > STALE_S:
                stale.unlink()


def png(figure: Any) -> bytes:
    """A matplotlib figure as PNG, at its own resolution; equal figures give equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def folder_name(words: str, taken: set[str]) -> str:
    """A folder's name for ``words`` of a user's: letters, digits, ``.``, ``_``, ``-``, at most 64.

    It cannot leave its parent, differs from every name in ``taken`` (also where case does not
    count) and is added there.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", words).strip("-._") or "row"
    name, count = plain[:64], 1
    while name.lower() in taken:
        count += 1
        name = f"{plain[: 63 - len(str(count))]}-{count}"
    taken.add(name.lower())
    return name


def _permissions(target: Path) -> int:
    """Those of the file that is replaced; else what ``open`` would give (``mkstemp`` gives 600)."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def yaml_text(data: object) -> str:
    """Plain data as YAML in block style, keys in their order; equal data give equal text.

    The text is what ruamel.yaml writes, made here ten times as fast or more: a table writes
    thousands of designs. What is not covered here is left to ruamel.yaml.
    """
    if isinstance(data, dict | list) and data:
        lines: list[str] = []
        try:
            _block(data, 0, lines)
            return "\n".join(lines) + "\n"
        except _Unusual:
            pass
    return _by_ruamel(data)


class _Unusual(Exception):
    """Data that this module leaves to ruamel.yaml."""


def _block(data: dict[Any, Any] | list[Any], indent: int, lines: list[str]) -> None:
    """Append the lines of a mapping or list that is not empty, its items at column ``indent``."""
    space = " " * indent
    if isinstance(data, dict):
        for key, value in data.items():
            if not isinstance(key, str) or len(key) > LONGEST_KEY:
                raise _Unusual
            lead = f"{space}{_key(key)}:"
            if isinstance(value, dict | list) and value:
                lines.append(lead)
                # The dashes of a list stand under the first letter of its key.
                _block(value, indent + (2 if isinstance(value, dict) else 0), lines)
            else:
                lines.append(f"{lead} {_scalar(value)}")
        return
    for value in data:
        if isinstance(value, dict | list) and value:
            first = len(lines)
            _block(value, indent + 2, lines)
            lines[first] = f"{space}- {lines[first][indent + 2 :]}"
        else:
            lines.append(f"{space}- {_scalar(value)}")


def _scalar(value: object) -> str:
    kind = type(value)
    if kind is str:
        return _text(str(value))
    if kind is int:
        return str(value)
    if kind is float and math.isfinite(float(str(value))):
        return repr(value)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if value == {} and kind is dict:
        return "{}"
    if value == [] and kind is list:
        return "[]"
    raise _Unusual


@functools.lru_cache(maxsize=4096)
def _text(text: str) -> str:
    """A string as one line; quoted where ruamel.yaml quotes it."""
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    if not text.isprintable():  # line breaks of any kind, controls
        raise _Unusual
    return _one_line(_by_ruamel({"x": text})).removeprefix("x: ")


@functools.lru_cache(maxsize=4096)
def _key(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    if not text.isprintable():
        raise _Unusual
    return _one_line(_by_ruamel({text: 0})).removesuffix(": 0")


def _one_line(written: str) -> str:
    if written.count("\n") != 1 or written.startswith("?"):
        raise _Unusual
    return written.removesuffix("\n")


def _by_ruamel(data: object) -> str:
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.width = 4096
    yaml.representer.sort_base_mapping_type_on_output = False
    yaml.representer.ignore_aliases = lambda _: True
    stream = io.StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()


def is_inside(path: str) -> bool:
    """Whether a path that a document names stays below the working directory."""
    pure = PurePath(path)
    return not pure.is_absolute() and ".." not in pure.parts and "\0" not in path
