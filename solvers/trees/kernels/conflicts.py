"""Conflicts of nodes as bits of words, and cliques of them grown and lifted (:mod:`..cliques`)."""

from __future__ import annotations

import numpy as np

from mathdesign.programs.base import BoolArray, IntArray
from mathdesign.solvers.compiled import inner, kernel


@inner
def disjoint(bits: np.ndarray, full: np.ndarray, guard: np.ndarray, a: int, b: int) -> bool:
    """Whether two nodes share no option at some position, so that no point takes both."""
    for w in range(guard.shape[0]):
        if ((bits[a, w] & bits[b, w]) + full[w]) & guard[w] != guard[w]:
            return True
    return False


@kernel
def grow(bits: np.ndarray, full: np.ndarray, guard: np.ndarray) -> BoolArray:
    """From each node the clique that greedily takes the first that fits: shape ``(n, n)``."""
    n = bits.shape[0]
    conflict = np.zeros((n, n), dtype=np.bool_)
    for a in range(n):
        for b in range(a):
            conflict[a, b] = conflict[b, a] = disjoint(bits, full, guard, a, b)
    found = np.zeros((n, n), dtype=np.bool_)
    for a in range(n):
        fits = conflict[a].copy()
        found[a, a] = True
        for b in range(n):
            if fits[b]:
                found[a, b] = True
                fits &= conflict[b]
    return found


@kernel
def lift(
    bits: np.ndarray, full: np.ndarray, guard: np.ndarray, members: IntArray, rest: IntArray,
    clique: IntArray,
) -> IntArray:  # fmt: skip
    """The clique with every node of ``rest`` that conflicts with all in it so far."""
    size = members.shape[0]
    clique[:size] = members
    for b in rest:
        fits = True
        for i in range(size):
            if not disjoint(bits, full, guard, clique[i], b):
                fits = False
                break
        if fits:
            clique[size] = b
            size += 1
    return clique[:size].copy()
