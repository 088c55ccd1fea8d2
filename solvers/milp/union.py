r"""Union -> one MILP: the members' MILPs side by side, a binary for each says whose columns count.

Source: members :math:`\max c_m x + d_m,\; l_m \le A_m x \le u_m,\; p_m \le x \le q_m`. Target (Balas
1979, disjunctive programming: the convex hull of the members' relaxations):

.. math:: \max \sum_m c_m x_m + d_m z_m, \quad \sum_m z_m = 1, \quad
          l_m z_m \le A_m x_m \le u_m z_m, \quad p_m z_m \le x_m \le q_m z_m.

With :math:`z_m = 0` all columns of a member are 0 (those that are bounded), with :math:`z_m = 1` its rows and
bounds are its own. So the integral solutions are those of the members, one at a time, at the same
objective. ``members`` solves a union without it; it is what is handed out to other tools.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse as sp

from mathdesign.programs.base import FloatArray, Program
from mathdesign.programs.union import Member, Union
from mathdesign.solvers.milp.arrays import Expression, Milp, Row


class Part(Protocol):
    """A member's own MILP (:class:`mathdesign.solvers.milp.reductions.Reduction`)."""

    @property
    def milp(self) -> Milp:
        """The arrays."""

    @property
    def names(self) -> list[str]:
        """One name a column."""

    def invert(self, solution: FloatArray) -> tuple[int, ...]:
        """The point of an integral solution."""

    def first_cuts(self) -> list[Row]:
        """Rows to begin with that the arrays do not hold."""


@dataclass(frozen=True, eq=False)
class UnionMilp:
    """The MILP of a union: a binary a member first, then the columns of each in turn."""

    milp: Milp
    members: tuple[Member, ...]
    parts: tuple[Part, ...]
    starts: tuple[int, ...]
    """The first column of each member."""

    def invert(self, solution: FloatArray) -> tuple[int, ...]:
        """The point of the member whose binary is 1."""
        k = int(np.argmax(solution[: len(self.parts)]))
        part, start = self.parts[k], self.starts[k]
        own = solution[start : start + part.milp.columns]
        return (self.members[k].number, *part.invert(own))

    @property
    def names(self) -> list[str]:
        """``member0_resolution192`` for the binaries, ``m0_`` before a member's own names."""
        names = []
        for member in self.members:
            told = [f"{name}{value}" for name, value in member.labels.items()]
            names.append(_plain("_".join([f"member{member.number}", *told])))
        for member, part in zip(self.members, self.parts):
            names += [f"m{member.number}_{name}" for name in part.names]
        return names

    def first_cuts(self) -> list[Row]:
        """The members' own are in the arrays."""
        return []


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name)


def build(problem: Union, reduced: Callable[[Program], Part | None]) -> UnionMilp | None:
    """Join what ``reduced`` makes of each member; ``None`` where it leaves nothing of any."""
    found = [(m, part) for m in problem.members if (part := reduced(m.program)) is not None]
    if not found:
        return None
    members, parts = zip(*found)
    milps = [part.milp.with_rows(part.first_cuts()) for part in parts]
    counts = [milp.columns for milp in milps]
    starts = [len(parts) + sum(counts[:k]) for k in range(len(parts))]
    width = starts[-1] + counts[-1]
    blocks = [_block(milp, k, start, width) for k, (milp, start) in enumerate(zip(milps, starts))]
    binaries = np.ones(len(parts))
    milp = Milp(
        np.concatenate([[milp.offset for milp in milps], *(milp.objective for milp in milps)]),
        0.0,
        sp.csr_matrix(sp.vstack([matrix for matrix, _, _ in blocks])),
        np.concatenate([low for _, low, _ in blocks]),
        np.concatenate([high for _, _, high in blocks]),
        np.concatenate([0 * binaries, *(np.minimum(milp.low, 0.0) for milp in milps)]),
        np.concatenate([binaries, *(np.maximum(milp.high, 0.0) for milp in milps)]),
        np.concatenate([binaries.astype(np.int64), *(milp.integer for milp in milps)]),
    )
    one = Expression(np.arange(len(parts)), binaries)
    return UnionMilp(milp.with_rows([(one, 1.0, 1.0)]), members, parts, tuple(starts))


def _block(
    milp: Milp, which: int, start: int, width: int
) -> tuple[sp.csr_matrix, FloatArray, FloatArray]:
    """The rows of a member times its binary, column ``which`` of ``width``; and its columns' bounds
    where they are not 0.
    """
    bounds = sp.identity(milp.columns, format="csr")
    sides = [
        (milp.matrix, milp.row_low, milp.row_high),
        (bounds, np.where(milp.low == 0, -np.inf, milp.low), milp.high),
    ]
    rows, low, high = [], list[FloatArray](), list[FloatArray]()
    for matrix, least, most in sides:
        equal = least == most
        for bound, keep, below, above in (
            (least, equal, 0.0, 0.0),
            (least, np.isfinite(least) & ~equal, 0.0, np.inf),
            (most, np.isfinite(most) & ~equal, -np.inf, 0.0),
        ):
            at = np.flatnonzero(keep)
            binary = sp.csr_matrix(
                (-bound[at], (np.arange(len(at)), np.full(len(at), which))), shape=(len(at), start)
            )
            after = sp.csr_matrix((len(at), width - start - milp.columns))
            rows.append(sp.hstack([binary, matrix[at], after]))
            low.append(np.full(len(at), below))
            high.append(np.full(len(at), above))
    return sp.csr_matrix(sp.vstack(rows)), np.concatenate(low), np.concatenate(high)
