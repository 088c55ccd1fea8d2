r"""Buffers into an arena of a given size, lowest first: complete, with bounds and decomposition.

**Canonical placements.** Of all placements within the arena take one whose sum of offsets is least:
no buffer of it can be moved down, over or past others. Sorted by offset, each buffer then lies on
the highest top of those before it that it meets in time (or at 0): its offset follows from which
come before it. So only orders are searched, by non-decreasing offsets.

At a node, with ``low`` of a buffer the offset that it would have next, a buffer is tried only if

* ``low`` is not below the last offset (the order is one by offset);
* ``low`` is below ``low + size`` of every buffer that is left: else that one could still be put
  there, below all that follows, and the sum were not the least;
* at equal offsets its number is above the last one's (such buffers do not meet, so that their
  order says nothing), and a twin of the same life and size with a lower number is placed.

**Bounds.** What is left in a moment is at least at ``max(low, last offset)`` each. Whatever the
order, the top of that moment is at least :math:`\max_h (h + \sum \text{sizes of those not below } h)`
(the bound of one machine with release times). A node whose bound exceeds the arena holds nothing.

**Decomposition.** Where no buffer that is left is alive in two neighbouring moments, what is before
and after is placed apart, and a failure of one is a failure of the node (MiniMalloc, ASPLOS 2023,
has canonical orders, floors of what is left, and this).
"""

from __future__ import annotations

from mathdesign.programs.base import BoolArray, IntArray

#: What came of a search: a placement, none, or too many nodes.
FOUND, NONE, STOPPED = 1, 0, -1
#: Entries of ``count``: nodes so far, most nodes, length of the trail.
NODES, MOST, TRAIL = range(3)
FAR = 1 << 62


def place(
    depth: int, begin: int, stop: int, last: int, before: int,
    first: IntArray, end: IntArray, size: IntArray, twin: IntArray, arena: int,
    low: IntArray, placed: BoolArray, offset: IntArray, count: IntArray,
    near: IntArray, tried: IntArray, trail: IntArray,
) -> int:  # fmt: skip
    """Place all buffers that are left within the moments ``begin`` to ``stop``.

    ``last``, ``before``: offset and number of the one placed last. ``first``, ``end``: moments of
    each buffer's life; ``twin``: a buffer like it of a lower number, or -1. ``low[depth]`` are the
    offsets that they would have; the other arrays are scratch, ``offset`` the answer.
    """
    n = first.shape[0]
    roof, found = FAR, 0
    for i in range(n):
        if not placed[i] and begin <= first[i] < stop:
            roof = min(roof, low[depth, i] + size[i])
    for i in range(n):
        if placed[i] or first[i] < begin or first[i] >= stop:
            continue
        h = low[depth, i]
        if h < last or h >= roof or (h == last and i < before):
            continue
        if twin[i] >= 0 and not placed[twin[i]]:
            continue
        at = found
        while at > 0 and low[depth, tried[depth, at - 1]] > h:
            tried[depth, at] = tried[depth, at - 1]
            at -= 1
        tried[depth, at] = i
        found += 1
    for k in range(found):
        i = tried[depth, k]
        h = low[depth, i]
        count[NODES] += 1
        if count[NODES] > count[MOST]:
            return STOPPED
        mark = count[TRAIL]
        placed[i] = True
        trail[mark] = i
        count[TRAIL] += 1
        fits = True
        for j in range(n):
            if not placed[j] and begin <= first[j] < stop:
                v = low[depth, j]
                if first[j] < end[i] and first[i] < end[j]:
                    v = max(v, h + size[i])
                low[depth + 1, j] = v
                if max(v, h) + size[j] > arena:
                    fits = False
                    break
        moment = begin
        while fits and moment < stop:
            held = 0
            for j in range(n):
                if not placed[j] and first[j] <= moment < end[j]:
                    at = held
                    while at > 0 and low[depth + 1, near[at - 1]] > low[depth + 1, j]:
                        near[at] = near[at - 1]
                        at -= 1
                    near[at] = j
                    held += 1
            total = 0
            for at in range(held - 1, -1, -1):
                total += size[near[at]]
                if max(low[depth + 1, near[at]], h) + total > arena:
                    fits = False
                    break
            moment += 1
        result = FOUND if fits else NONE
        here = begin
        while fits and here < stop and result == FOUND:
            there, reach = here, here
            while there == here or there < reach:
                for j in range(n):
                    if not placed[j] and first[j] == there:
                        reach = max(reach, end[j])
                there += 1
            if reach > here:
                result = place(
                    depth + 1, here, there, h, i, first, end, size, twin, arena,
                    low, placed, offset, count, near, tried, trail,
                )  # fmt: skip
            here = there
        if result == FOUND:
            offset[i] = h
            return FOUND
        if result == STOPPED:
            return STOPPED
        while count[TRAIL] > mark:
            count[TRAIL] -= 1
            placed[trail[count[TRAIL]]] = False
    return NONE
