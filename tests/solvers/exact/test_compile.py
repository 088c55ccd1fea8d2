"""Kernels compiled ahead are those that a search calls, with the types that it calls them with."""

import numpy as np
import pytest

pytest.importorskip("numba", reason="the exact engine needs numba")

from mathdesign.solvers import SolveOptions, backend
from mathdesign.solvers.exact import compile as ahead
from mathdesign.solvers.exact import kernels as kernels
from tests.strategies import random_problem


def signatures():
    compiled = {name: getattr(vars(kernels)[name], "signatures", []) for name in vars(kernels)}
    return {name: len(found) for name, found in compiled.items()}


def test_a_search_compiles_nothing_that_was_not_compiled_ahead():
    for share in (ahead.METHOD, ahead.BOX):
        ahead.compile_share(share)
    before = signatures()
    for seed in range(5):
        backend("exact").solve(random_problem(np.random.default_rng(seed)), SolveOptions())
    assert signatures() == before
    assert ahead.cached()
