r"""NAS-Bench-201 (Dong and Yang 2020, arXiv 2001.00326): cells of 4 nodes, 6 edges, 5 operations.

15 cells, five each at 16, 32 and 64 channels on 32x32, 16x16 and 8x8; costs for CIFAR-10. The costs
are those of the published table, exactly linear in the numbers of operations.

**Entropy.** Weights and inputs are independent standard Gaussians, as in DeepMAD (arXiv 2303.02165):
an edge multiplies the variance of its input by :math:`g`, and a node adds what its edges bring. A
convolution of kernel :math:`k` from :math:`c` channels has :math:`g = c k^2`, a skip 1, the average
of nine values 1/9, none 0. With an input of variance 1 the cell's output has

.. math:: V = g_{03} + g_{01} g_{13} + g_{02} g_{23} + g_{01} g_{12} g_{23}

and the entropy :math:`\tfrac12 \ln V` a dimension. The logarithm rises, so that the program maximises
:math:`V` itself: a table, two pair tables and one tree for the path of three edges. :math:`c = 32`, the
geometric mean of the channels.
"""

from __future__ import annotations

import numpy as np

from mathdesign.programs.base import FloatArray
from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import (
    Ensemble,
    Feature,
    PairTable,
    Slot,
    SlotObjective,
    TableSum,
    Tree,
)

EDGES = ("e01", "e02", "e12", "e03", "e13", "e23")
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
CHANNELS, CELLS = (16, 32, 64), 5
#: Everything outside the cells, and per operation of one edge. The benchmark's FLOPs are
#: multiply-adds with norms and pooling counted as its own tool does.
FIXED_MACS, MACS = 7_943_872, (0, 0, 4_362_240, 35_819_520, 1_290_240)
FIXED_PARAMS = 73_306
#: What an edge multiplies the variance of its input by.
GAINS = (0.0, 1.0, 32.0, 9 * 32.0, 1 / 9)


def nasbench201() -> TableSpace:
    """The 15,625 cells."""
    params = [0, 0, *(CELLS * sum(k * k * c * c + 2 * c for c in CHANNELS) for k in (1, 3)), 0]
    tables = {"macs": (FIXED_MACS, MACS), "params": (FIXED_PARAMS, params)}
    metrics = {
        name: TableSum(fixed, (np.array(unary, dtype=np.int64),) * len(EDGES))
        for name, (fixed, unary) in tables.items()
    }
    slots = tuple(Slot(e, OPERATIONS) for e in EDGES)
    return TableSpace("nasbench201", slots, metrics, OPERATIONS, untrained=variance())


def variance() -> SlotObjective:
    """:math:`V` of the module's text, of every cell."""
    at = {edge: i for i, edge in enumerate(EDGES)}
    gains = np.array(GAINS)
    unary = [np.zeros(len(OPERATIONS)) for _ in EDGES]
    unary[at["e03"]] = gains
    paths = (("e01", "e13"), ("e02", "e23"))
    pairs = tuple(PairTable(at[a], at[b], np.outer(gains, gains)) for a, b in paths)
    positions = (np.arange(len(OPERATIONS), dtype=float),)
    features = tuple(Feature(e, (at[e],), positions) for e in ("e01", "e12", "e23"))
    path = Ensemble(features, (product_tree(gains, len(features)),))
    return SlotObjective(TableSum(0.0, tuple(unary), pairs), ((1.0, path),))


def product_tree(gains: FloatArray, factors: int) -> Tree:
    """A tree whose value is the product of ``gains`` at the positions that its features hold."""
    nodes: list[tuple[int, float, list[int]]] = []
    leaves: list[float] = []

    def leaf(value: float) -> int:
        leaves.append(value)
        return ~(len(leaves) - 1)

    def grown(feature: int, option: int, value: float) -> int:
        """The subtree for options from ``option`` on, ``value`` being the product before it."""
        if feature == factors or value == 0.0:
            return leaf(value)
        if option == len(gains) - 1:
            return grown(feature + 1, 0, value * float(gains[option]))
        here = len(nodes)
        nodes.append((feature, option + 0.5, []))
        nodes[here][2].append(grown(feature + 1, 0, value * float(gains[option])))
        nodes[here][2].append(grown(feature, option + 1, value))
        return here

    grown(0, 0, 1.0)
    left, right = (np.array([node[2][side] for node in nodes]) for side in (0, 1))
    split = np.array([node[0] for node in nodes])
    return Tree(split, np.array([node[1] for node in nodes]), left, right, np.array(leaves))
