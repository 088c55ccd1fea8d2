r"""Labels: the partial paths that may still become the best, from one end of the chain to the other.

A label is a path up to a node with its exact sums. It is dropped where

* the least (greatest) that may follow breaks a budget, in exact integers, or a prefix is less
  effective than allowed by more than rounding: nothing that follows is feasible;
* what :class:`~.bound.Completion` says of all that may follow is at most the cut;
* another label at the same node is at least as good in all that what follows may look at
  (*dominance*): every feasible continuation of the one is feasible for the other, and worth no less;
* too many are held: the best bounded stay, and the greatest bound that goes is remembered.

**What dominance compares.** Of a continuation only these depend on what came before: budgets, through
the sums so far -- of an upper limit only as far as the greatest rest could break it, of a lower one
as far as the least rest leaves it open; the worth of the log-width so far, whose factor lies between
the least and greatest worth of a unit from here on (linear, so the two ends decide); effectiveness,
which wants more log-width and, where :math:`h` rises (:math:`\rho \le e`), fewer layers, else as many;
and the penalty, a function of the number, sum and sum of squares of depths that rises in the last.
Equal sums and fewer squares are at least as good.

So after the last step the best label is the best point, but for what was dropped at a cut or for want
of room; the greatest bound among those is the bound of the whole. Which labels are compared with
which is a matter of speed alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from mathdesign.programs.base import BoolArray, FloatArray, IntArray, saturated
from mathdesign.solvers.paths.bound import Completion
from mathdesign.solvers.paths.steps import FREE, Graph, Step

#: Relative room for the rounding of an effectiveness on the way.
BLUR = 1e-9
#: Arcs that are looked at in one piece.
CHUNK = 200_000
#: How many neighbours in each order a label is compared with, where more than two figures count.
NEIGHBOURS = 12


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels at the nodes between two stages, arrays of one length."""

    width: IntArray
    value: FloatArray
    """Objective so far, the penalty left out."""
    log_width: FloatArray
    costs: IntArray
    """(labels, rows)"""
    depths: IntArray
    """(labels, 2): sum and sum of squares of penalised depths."""
    layers: IntArray
    priced: FloatArray
    """(labels, completions): the priced sum so far."""
    bound: FloatArray
    """Nothing that follows is worth more."""
    parent: IntArray
    arc: IntArray
    """(labels, 2): width out and choice of the last arc."""

    def taken(self, keep: IntArray | BoolArray) -> Labels:
        """Only the labels that ``keep`` names."""
        return Labels(*(getattr(self, name)[keep] for name in self.__slots__))

    __slots__ = (
        "arc", "bound", "costs", "depths", "layers", "log_width", "parent", "priced", "value", "width",
    )  # fmt: skip
