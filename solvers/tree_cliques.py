r"""Sets of options and leaves of which a point takes at most one: cliques of the conflict graph.

Nodes are the options (a box of one option) and the leaves of a :class:`~.tree_model.Model`. Two
conflict within :math:`\prod D_p` if at some position no option of :math:`D_p` lies in both: no
point of the box takes both, so the sum over a clique is at most 1 there. The inequality is valid
in every part of the box that it was found in. It ties trees to one another where the Hall relaxation
only ties each of them to the options (cf. the set packing cuts of Atamturk, Nemhauser and
Savelsbergh, EJOR 121, 2000).

Separation is greedy: from every node that the relaxation takes a part of, add the heaviest node that
conflicts with all so far. What is violated is then lifted by nodes that the relaxation does not take,
in the order in which they are promising.

Only this module is compiled: numba's cache does not notice edits in imported kernels.
"""

# numba is untyped
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from mathdesign.formulation import BoolArray, FloatArray, IntArray
from mathdesign.solvers.tree_model import Model

#: A node counts from this part on, a clique from this violation on.
LEAST_PART, LEAST_VIOLATION = 1e-6, 1e-2
_options: dict[str, Any] = {"cache": True, "nogil": True}


@dataclass(frozen=True, eq=False)
class Masks:
    """Options that each node allows, as bits: ``bits[node]``, a position in whole words."""

    bits: np.ndarray
    word_start: IntArray
    """Words of position ``p``: ``word_start[p]`` to ``word_start[p + 1]``."""
    word: IntArray
    bit: np.ndarray
    """Where option ``k`` (of all positions) is: ``bits[:, word[k]] & bit[k]``."""

    @classmethod
    def of(cls, model: Model) -> Masks:
        """The masks of all options, then of all leaves."""
        sizes = np.diff(model.start)
        word_start = np.cumsum([0, *(-(-sizes // 64))]).astype(np.int64)
        within = np.concatenate([np.arange(n) for n in sizes])
        word = np.repeat(word_start[:-1], sizes) + within // 64
        bit = np.left_shift(np.uint64(1), (within % 64).astype(np.uint64))
        full = np.zeros(word_start[-1], dtype=np.uint64)
        np.bitwise_or.at(full, word, bit)
        bits = np.repeat(full[None], model.options + len(model.value), axis=0)
        for p, (a, b) in enumerate(zip(model.start, model.start[1:])):
            bits[a:b, word_start[p] : word_start[p + 1]] = 0
        bits[np.arange(model.options), word] = bit
        for s, (f, p) in enumerate(zip(model.scope_factor, model.scope_position)):
            at = model.leaf_cell[model.scope_leaf[s] : model.scope_leaf[s + 1]]
            leaves = model.options + model.factor_start[f] + np.flatnonzero(at >= 0)
            for leaf, cell in zip(leaves, at[at >= 0]):
                own = model.cell_option[model.cell_start[cell] : model.cell_start[cell + 1]]
                k = model.start[p] + own
                bits[leaf, word_start[p] : word_start[p + 1]] = 0
                np.bitwise_or.at(bits[leaf], word[k], bit[k])
        return cls(bits, word_start, word.astype(np.int64), bit)

    def within(self, alive: BoolArray) -> np.ndarray:
        """Masks restricted to the options ``alive``."""
        box = np.zeros(self.bits.shape[1], dtype=np.uint64)
        np.bitwise_or.at(box, self.word[alive], self.bit[alive])
        return np.asarray(self.bits & box)

    def reached(self, bits: np.ndarray) -> BoolArray:
        """Nodes that are left an option at every position."""
        some = np.bitwise_or.reduceat(bits, self.word_start[:-1], axis=1) != 0
        return np.asarray(some.all(axis=1))


def cliques(
    masks: Masks, bits: np.ndarray, part: FloatArray, worth: FloatArray, left: BoolArray, most: int
) -> list[IntArray]:
    """At most ``most`` cliques whose sum over ``part`` exceeds 1, most violated first, lifted.

    ``bits`` are the masks within the box; nodes that are not ``left`` are 0 there and not lifted
    in. Nodes of greater ``worth`` are lifted first.
    """
    support = np.flatnonzero(part > LEAST_PART)
    support = support[np.argsort(-part[support], kind="stable")]
    if not len(support):
        return []
    found = _grow(bits[support], masks.word_start)
    total = found @ part[support]
    found = np.unique(found[total > 1 + LEAST_VIOLATION], axis=0)
    order = np.argsort(-(found @ part[support]), kind="stable")[:most]
    rest = np.flatnonzero(left & (part <= LEAST_PART))
    rest = rest[np.argsort(-worth[rest], kind="stable")]
    return [
        np.sort(_lift(bits, masks.word_start, support[members], rest)) for members in found[order]
    ]


@njit(**_options)
def _conflict(bits: np.ndarray, word_start: IntArray, a: int, b: int) -> bool:
    for p in range(word_start.shape[0] - 1):
        meet = np.uint64(0)
        for w in range(word_start[p], word_start[p + 1]):
            meet |= bits[a, w] & bits[b, w]
        if meet == 0:
            return True
    return False


@njit(**_options)
def _grow(bits: np.ndarray, word_start: IntArray) -> BoolArray:
    """From each node the clique that greedily takes the first that fits: shape ``(n, n)``."""
    n = bits.shape[0]
    conflict = np.zeros((n, n), dtype=np.bool_)
    for a in range(n):
        for b in range(a):
            conflict[a, b] = conflict[b, a] = _conflict(bits, word_start, a, b)
    found = np.zeros((n, n), dtype=np.bool_)
    for a in range(n):
        fits = conflict[a].copy()
        found[a, a] = True
        for b in range(n):
            if fits[b]:
                found[a, b] = True
                fits &= conflict[b]
    return found


@njit(**_options)
def _lift(bits: np.ndarray, word_start: IntArray, members: IntArray, rest: IntArray) -> IntArray:
    """The clique with every node of ``rest`` that conflicts with all in it so far."""
    clique = np.empty(members.shape[0] + rest.shape[0], dtype=np.int64)
    size = members.shape[0]
    clique[:size] = members
    for b in rest:
        fits = True
        for i in range(size):
            if not _conflict(bits, word_start, clique[i], b):
                fits = False
                break
        if fits:
            clique[size] = b
            size += 1
    return clique[:size]
