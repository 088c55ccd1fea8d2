"""Depth first below a stack of boxes, and boxes with one option taken (probes)."""

from __future__ import annotations

from typing import Any

import numpy as np

from mathdesign.programs.base import BoolArray, FloatArray
from mathdesign.solvers.compiled import inner, kernel
from mathdesign.solvers.trees.kernels.bounds import bound_box, decided
from mathdesign.solvers.trees.kernels.layout import DONE, NEVER, POINT, WORKED, Box
from mathdesign.solvers.trees.kernels.sweeps import drop
from mathdesign.solvers.trees.kernels.tightening import tighten

#: Least share of the way from the cutoff to the bound that a subtree counts with in the choice of a
#: slot: just above the cutoff it is still a node. (:meth:`.state.State.size` has the same estimate.)
LEAST_SHARE = 0.01


@kernel
def at(boxes: Any, depth: int) -> Any:
    """One box of a stack, a view."""
    return Box(
        boxes.alive[depth], boxes.message[depth], boxes.mu[depth], boxes.live[depth],
        boxes.counts[depth], boxes.active[depth],
    )  # fmt: skip


@inner
def descend(a: Any, boxes: Any, depth: int) -> Any:
    """A copy of the box at ``depth`` one deeper."""
    here, below = at(boxes, depth), at(boxes, depth + 1)
    for k in range(here.alive.shape[0]):
        below.alive[k] = here.alive[k]
    for m in range(here.message.shape[0]):
        below.message[m] = here.message[m]
    for r in range(here.mu.shape[0]):
        below.mu[r] = here.mu[r]
    for s in range(here.active.shape[0]):
        below.active[s] = here.active[s]
    for f in range(a.factor_start.shape[0] - 1):
        below.counts[f] = here.counts[f]
        for j in range(a.factor_start[f], a.factor_start[f] + here.counts[f]):
            below.live[j] = here.live[j]
    return below


@inner
def narrow(a: Any, alive: BoolArray, slot: int, option: int) -> None:
    """Leave ``option`` alone in its slot."""
    for k in range(a.start[slot], a.start[slot + 1]):
        alive[k] = k == option


@kernel
def expand(
    a: Any, st: Any, w: Any, depth: int, bound: float, cutoff: float, weight: FloatArray
) -> bool:
    """Choose the slot whose options promise the smallest subtrees; false if all are decided."""
    box = at(st.boxes, depth)
    floor = cutoff if cutoff > -np.inf else bound - 1.0 - abs(bound)
    best, least = -1, np.inf
    for slot in range(weight.shape[0]):
        total, options = 0.0, 0
        for k in range(a.start[slot], a.start[slot + 1]):
            if box.alive[k]:
                options += 1
                if w.own[k] > floor:
                    share = (min(w.own[k], bound) - floor) / max(bound - floor, 1e-300)
                    total += max(share, LEAST_SHARE) ** 4
        if options > 1 and (best < 0 or total * weight[slot] < least):
            best, least = slot, total * weight[slot]
    if best < 0:
        return False
    n = sort_children(a, st, w, depth, best, bound)
    st.slot[depth], st.children[depth], st.left[depth] = best, n, n
    return True


@inner
def sort_children(a: Any, st: Any, w: Any, depth: int, slot: int, bound: float) -> int:
    """List the options left of a slot, greatest bound last, by insertion: how many there are."""
    box, n = at(st.boxes, depth), 0
    option, bounds = st.option[depth], st.bound[depth]
    for k in range(a.start[slot], a.start[slot + 1]):
        if box.alive[k]:
            v, i = min(w.own[k], bound), n
            while i > 0 and bounds[i - 1] > v:
                bounds[i], option[i] = bounds[i - 1], option[i - 1]
                i -= 1
            bounds[i], option[i] = v, k
            n += 1
    return n


@kernel
def search(
    a: Any, constant: float, plain: Any, plain_constant: float, st: Any, w: Any, cutoff: float,
    sweeps: int, weight: FloatArray, most_work: int,
) -> tuple[int, int, int]:  # fmt: skip
    """Depth first below the boxes of ``st`` until something is to be told: why, nodes, leaves seen.

    After ``POINT`` the box one deeper than ``st.depth`` is decided. Called again it goes on.
    ``plain`` is the model that ``a`` may have priced cliques into.
    """
    nodes, work = 0, 0
    while st.depth[0] >= 0:
        depth = st.depth[0]
        i = st.left[depth] - 1
        if i < 0 or st.bound[depth, i] <= cutoff:
            if i >= 0:
                drop(w, st.bound[depth, i])  # the greatest of those left
            st.depth[0] -= 1
            continue
        if work >= most_work:
            return WORKED, nodes, work
        st.left[depth] = i
        box = descend(a, st.boxes, depth)
        narrow(a, box.alive, st.slot[depth], st.option[depth, i])
        bound = min(bound_box(a, constant, box, w, cutoff, sweeps), st.bound[depth, i])
        nodes += 1
        work += 1
        for f in range(box.counts.shape[0]):
            work += box.counts[f]
        if bound <= cutoff:
            drop(w, bound)
            continue
        if not expand(a, st, w, depth + 1, bound, cutoff, weight):
            worth = decided(plain, plain_constant, box)
            if worth > cutoff:
                return POINT, nodes, work
            drop(w, worth)
            continue
        st.depth[0] = depth + 1
    return DONE, nodes, work


@kernel
def probe(
    a: Any, constant: float, boxes: Any, w: Any, cutoff: float, sweeps: int, slots: int,
    worth: FloatArray, without: FloatArray,
) -> bool:  # fmt: skip
    """Bound the first box with each option taken; options that are closed leave it.

    ``worth[k]`` is lowered to the bound with option ``k``; ``without[p]`` becomes the bound of the box
    without the best option of slot ``p``. False if the box is closed altogether.
    """
    here = at(boxes, 0)
    for p in range(slots):
        first, end = a.start[p], a.start[p + 1]
        if count_left(here.alive, first, end) < 2:
            continue
        for k in range(first, end):
            if here.alive[k]:
                box = descend(a, boxes, 0)
                narrow(a, box.alive, p, k)
                worth[k] = min(worth[k], bound_box(a, constant, box, w, cutoff, sweeps))
                here.alive[k] = worth[k] > cutoff
                if not here.alive[k]:
                    drop(w, worth[k])
        left = count_left(here.alive, first, end)
        if left == 0:
            return False
        best, most = two_best(here.alive, worth, first, end)
        if left > 2:
            box = descend(a, boxes, 0)
            box.alive[best] = False
            most = min(most, bound_box(a, constant, box, w, cutoff, sweeps))
        without[p] = most
    return tighten(a, here.alive)


@inner
def count_left(alive: BoolArray, first: int, end: int) -> int:
    """How many of these options are left."""
    options = 0
    for k in range(first, end):
        options += alive[k]
    return options


@inner
def two_best(alive: BoolArray, worth: FloatArray, first: int, end: int) -> tuple[int, float]:
    """The option of the greatest worth that is left, and the worth of the next, ``NEVER`` if none."""
    best, most = -1, NEVER
    for k in range(first, end):
        if alive[k] and (best < 0 or worth[k] > worth[best]):
            best = k
    for k in range(first, end):
        if alive[k] and k != best:
            most = max(most, worth[k])
    return best, most
