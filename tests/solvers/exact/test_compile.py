"""Kernels compiled ahead are those that a search calls, with the types that it calls them with."""

import importlib
import pkgutil

import numpy as np
import pytest

pytest.importorskip("numba", reason="the exact engine needs numba")

from mathdesign.solvers import SolveOptions, backend
from mathdesign.solvers.exact import compile as ahead
from mathdesign.solvers.exact import kernels
from tests.strategies import random_problem


def signatures():
    """How many types each kernel of the folder is compiled for."""
    found = {}
    for file in pkgutil.iter_modules(kernels.__path__):
        module = importlib.import_module(f"{kernels.__name__}.{file.name}")
        for name, value in vars(module).items():
            if getattr(value, "__module__", "") == module.__name__ and hasattr(value, "signatures"):
                found[file.name, name] = len(value.signatures)
    return found


def test_a_search_compiles_nothing_that_was_not_compiled_ahead():
    for share in (ahead.METHOD, ahead.BOX):
        ahead.compile_share(share)
    before = signatures()
    assert len(before) > 50
    for seed in range(5):
        backend("exact").solve(random_problem(np.random.default_rng(seed)), SolveOptions())
    assert signatures() == before
    assert ahead.cached()


def test_without_kernels_as_they_are_now_on_disk_a_second_process_compiles(monkeypatch):
    index = kernels.conclude._cache._cache_file
    monkeypatch.setattr(index, "_source_stamp", "that of an edited folder")
    assert not ahead.cached()
