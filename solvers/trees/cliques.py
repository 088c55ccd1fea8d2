r"""Sets of options and leaves of which a point takes at most one: cliques of the conflict graph.

Nodes are the options (a box of one option) and the leaves of a :class:`~.model.TreeModel`. Two
conflict within :math:`\prod D_p` if at some position no option of :math:`D_p` lies in both: no
point of the box takes both, so the sum over a clique is at most 1 there. The inequality is valid
in every part of the box that it was found in. It ties trees to one another where the Hall relaxation
only ties each of them to the options (cf. the set packing cuts of Atamturk, Nemhauser and
Savelsbergh, EJOR 121, 2000).

Separation is greedy: from every node that the relaxation takes a part of, add the heaviest node that
conflicts with all so far. What is violated is then lifted by nodes that the relaxation does not take,
in the order in which they are promising.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mathdesign.programs.base import BoolArray, FloatArray, IntArray
from mathdesign.solvers.trees.kernels.conflicts import grow, lift
from mathdesign.solvers.trees.model import TreeModel

#: A node counts from this part on, a clique from this violation on.
LEAST_PART, LEAST_VIOLATION = 1e-6, 1e-2
#: Options that a lane of a word holds at most.
LANE = 62


@dataclass(frozen=True, eq=False)
class Masks:
    """Options that each node allows, as bits of words: ``bits[node]``.

    Options of a position lie next to one another in a *lane*, below a bit that is always 0. Adding
    ``full``, all ones below that bit, carries into it where a lane has any bit set: whether all lanes
    have one is then a single comparison with ``guard``. Positions of more options than a lane holds
    have several, which stay out of ``guard``: conflicts at such positions are not seen.
    """

    bits: np.ndarray
    full: np.ndarray
    guard: np.ndarray
    word: IntArray
    bit: np.ndarray
    """Where option ``k`` (of all positions) is: ``bits[:, word[k]] & bit[k]``."""
    lanes: tuple[IntArray, np.ndarray, IntArray]
    """Word and guard bit of every lane, in order, and the first lane of every position."""

    @classmethod
    def of(cls, model: TreeModel) -> Masks:
        """The masks of all options, then of all leaves."""
        word, shift, lanes = _layout(np.diff(model.start))
        bit = np.left_shift(np.uint64(1), shift)
        full, guard = (np.zeros(word.max(initial=0) + 1, dtype=np.uint64) for _ in range(2))
        np.bitwise_or.at(full, word, bit)
        single = np.diff(np.append(lanes[2], len(lanes[0]))) == 1
        np.bitwise_or.at(guard, lanes[0][lanes[2][single]], lanes[1][lanes[2][single]])
        bits = np.repeat(full[None], model.options + len(model.value), axis=0)

        def confine(nodes: IntArray, a: int, b: int, options: list[IntArray]) -> None:
            """Leave each of the ``nodes`` its ``options`` of the position from ``a`` to ``b``."""
            whole = np.zeros(len(full), dtype=np.uint64)
            np.bitwise_or.at(whole, word[a:b], bit[a:b])
            bits[nodes] &= ~whole
            node = np.repeat(nodes, [len(some) for some in options])
            k = a + np.concatenate([np.zeros(0, dtype=np.int64), *options])
            np.bitwise_or.at(bits, (node, word[k]), bit[k])

        for a, b in zip(model.start, model.start[1:]):
            confine(np.arange(a, b), a, b, [np.array([k]) for k in range(b - a)])
        for s, (f, p) in enumerate(zip(model.scope_factor, model.scope_position)):
            at = model.leaf_cell[model.scope_leaf[s] : model.scope_leaf[s + 1]]
            inside = np.flatnonzero(at >= 0)
            cells = [
                model.cell_option[model.cell_start[c] : model.cell_start[c + 1]] for c in at[inside]
            ]
            leaves = model.options + model.factor_start[f] + inside
            confine(leaves, model.start[p], model.start[p + 1], cells)
        return cls(bits, full, guard, word, bit, lanes)

    def within(self, alive: BoolArray) -> np.ndarray:
        """Masks restricted to the options ``alive``."""
        box = np.zeros(self.bits.shape[1], dtype=np.uint64)
        np.bitwise_or.at(box, self.word[alive], self.bit[alive])
        return np.asarray(self.bits & box)

    def reached(self, bits: np.ndarray) -> BoolArray:
        """Nodes that are left an option at every position."""
        word, guard, first = self.lanes
        some = (bits[:, word] + self.full[word] & guard) != 0
        return np.asarray(np.logical_or.reduceat(some, first, axis=1).all(axis=1))


def _layout(sizes: IntArray) -> tuple[IntArray, np.ndarray, tuple[IntArray, np.ndarray, IntArray]]:
    """Word and shift of every option, and the lanes: packed into words in order."""
    word: list[int] = []
    shift: list[int] = []
    lanes: list[tuple[int, int]] = []
    first: list[int] = []
    here, used = 0, 0
    for size in sizes.tolist():
        first.append(len(lanes))
        while size:
            options = min(size, LANE)
            if used + options + 1 > 64:
                here, used = here + 1, 0
            word += [here] * options
            shift += range(used, used + options)
            lanes.append((here, used + options))
            used += options + 1
            size -= options
    lane_word, lane_shift = (np.array(column, dtype=np.int64) for column in zip(*lanes))
    lane_guard = np.left_shift(np.uint64(1), lane_shift.astype(np.uint64))
    return (
        np.array(word, dtype=np.int64), np.array(shift, dtype=np.uint64),
        (lane_word, lane_guard, np.array(first, dtype=np.int64)),
    )  # fmt: skip


def cliques(
    masks: Masks, bits: np.ndarray, part: FloatArray, worth: FloatArray, left: BoolArray, most: int
) -> list[IntArray]:
    """At most ``most`` cliques whose sum over ``part`` exceeds 1, most violated first, lifted.

    ``bits`` are the masks within the box; nodes that are not ``left`` have no ``part`` and are not
    lifted in. Nodes of greater ``worth`` are lifted first.
    """
    support = np.flatnonzero(part > LEAST_PART)
    support = support[np.argsort(-part[support], kind="stable")]
    if not len(support):
        return []
    found = grow(bits[support], masks.full, masks.guard)
    total = found @ part[support]
    order = np.argsort(-total, kind="stable")
    order = order[total[order] > 1 + LEAST_VIOLATION]
    distinct = {row.tobytes(): row for row in np.packbits(found[order], axis=1)}
    first = [
        np.flatnonzero(np.unpackbits(row, count=len(support)))
        for row in list(distinct.values())[:most]
    ]
    rest = np.flatnonzero(left & (part <= LEAST_PART))
    rest = rest[np.argsort(-worth[rest], kind="stable")]
    size = max((len(members) for members in first), default=0) + len(rest)
    room = np.empty(size, dtype=np.int64)
    return [
        np.sort(lift(bits, masks.full, masks.guard, support[members], rest, room))
        for members in first
    ]
