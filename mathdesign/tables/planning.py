"""Which row helps which: each row starts from the design of a tighter row of its group.

The plan is made from the whole sweep before anything runs. A row waits for its helper and for no
other, so the answers do not depend on the number of workers, on who is quicker or on interruptions.
Chains are short, lest one row wait for all the others.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np

#: A row whose helper stands at the end of a chain this long has no helper.
LONGEST_CHAIN = 3


def helpers(nestings: Mapping[str, str], worth: Callable[[str], bool]) -> dict[str, str]:
    """Request -> the request whose design it starts from.

    ``nestings`` as :func:`mathdesign.tables.nesting.nesting_of` gives them, in the table's order;
    ``worth(request)``, asked once a group, says whether its solver takes a start at all.
    """
    groups: dict[str, list[tuple[str, dict[str, float]]]] = defaultdict(list)
    for request, text in nestings.items():
        group, limits = json.loads(text)
        groups[group].append((request, dict(limits)))
    found: dict[str, str] = {}
    for members in groups.values():
        if len(members) > 1 and worth(members[0][0]):
            found.update(_within(members))
    return found


def _within(members: Sequence[tuple[str, dict[str, float]]]) -> dict[str, str]:
    """The helpers inside one group: the loosest of the tighter rows."""
    names = sorted({name for _, limits in members for name in limits})
    limits = np.array([[given.get(n, math.inf) for n in names] for _, given in members])
    ranks = np.stack([np.unique(c, return_inverse=True)[1] for c in limits.T], axis=1)
    score = ranks.sum(axis=1)
    length, found = np.ones(len(members), dtype=int), {}
    for i in np.argsort(score, kind="stable"):
        inside = (ranks <= ranks[i]).all(axis=1) & (score < score[i])
        candidates = np.flatnonzero(inside & (length < LONGEST_CHAIN))
        if len(candidates):
            best = candidates[np.argmax(score[candidates])]
            found[members[i][0]] = members[best][0]
            length[i] = length[best] + 1
    return found
