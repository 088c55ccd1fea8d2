"""``kernel``: a function compiled by numba, with a cache on disk that cannot go stale.

numba keeps machine code next to the source and loads it as long as the file that defines the
function is what it was. That code holds the functions it calls as well, and the numbers and the
order of the fields that it read when it was compiled, wherever they are written down. So after an
edit of a *callee* in another file plain numba returns the old result. All compiled code in one
file is one way out; here it is a folder: the cache is stamped with the content of every file of
the folder that a kernel is in. Hence the one rule, which a test watches: **what a kernel calls or
reads by name lies in its own folder**, and only folders named ``kernels`` hold any.

Content, not time stamps: a fresh checkout of the same text loads what another left.
"""

# numba is untyped
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit
from numba.core.caching import FunctionCache, IndexDataCacheFile

#: ``nogil``: threads bound boxes side by side. ``numpy``: a division by zero is infinite, unchecked.
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
#: Wrappers that call a function from Python are a third of the time to compile it.
NO_WRAPPERS: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile ``function`` when it is first called."""
    return _compiled(function, OPTIONS)


def inner(function: Function) -> Function:
    """The same for what only other kernels call; Python cannot."""
    return _compiled(function, {**OPTIONS, **NO_WRAPPERS})


def on_disk(compiled: Any) -> bool:
    """Whether machine code of a kernel, as its folder is now, lies in the cache."""
    return bool(compiled._cache._cache_file._load_index())


def _compiled(function: Function, options: dict[str, Any]) -> Function:
    dispatcher = njit(**options)(function)
    folder = Path(function.__code__.co_filename).parent
    if folder.is_dir() and dispatcher is not function:  # not within an archive; numba not disabled
        dispatcher._cache = _FolderCache(function, folder)
    return cast(Function, dispatcher)


class _FolderCache(FunctionCache):
    """numba's cache of one function, its index stamped with the folder instead of the file."""

    def __init__(self, function: Callable[..., Any], folder: Path) -> None:
        super().__init__(function)
        stamp = content_of(folder)
        self._cache_file = IndexDataCacheFile(self._cache_path, self._impl.filename_base, stamp)
        # The version is looked at before the rest is unpickled, and only then: an index that names a
        # class which was renamed since cannot be read at all, whatever its stamp says.
        self._cache_file._version = f"{self._cache_file._version} {stamp}"


@lru_cache
def content_of(folder: Path) -> str:
    """A hash of all source in a folder, and of this file: its options are compiled in too."""
    digest = hashlib.sha256()
    for path in [Path(__file__), *sorted(folder.glob("*.py"))]:
        digest.update(hashlib.sha256(path.name.encode()).digest())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
