"""NAS-Bench-201 (Dong and Yang 2020, arXiv 2001.00326): cells of 4 nodes, 6 edges, 5 operations.

15 cells, five each at 16, 32 and 64 channels on 32x32, 16x16 and 8x8; costs for CIFAR-10. The costs
are those of the published table, exactly linear in the numbers of operations.
"""

from __future__ import annotations

import numpy as np

from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import Slot, TableSum

EDGES = ("e01", "e02", "e12", "e03", "e13", "e23")
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
CHANNELS, CELLS = (16, 32, 64), 5
#: Everything outside the cells, and per operation of one edge. The benchmark's FLOPs are
#: multiply-adds with norms and pooling counted as its own tool does.
FIXED_MACS, MACS = 7_943_872, (0, 0, 4_362_240, 35_819_520, 1_290_240)
FIXED_PARAMS = 73_306


def nasbench201() -> TableSpace:
    """The 15,625 cells."""
    params = [0, 0, *(CELLS * sum(k * k * c * c + 2 * c for c in CHANNELS) for k in (1, 3)), 0]
    tables = {"macs": (FIXED_MACS, MACS), "params": (FIXED_PARAMS, params)}
    metrics = {
        name: TableSum(fixed, (np.array(unary, dtype=np.int64),) * len(EDGES))
        for name, (fixed, unary) in tables.items()
    }
    return TableSpace("nasbench201", tuple(Slot(e, OPERATIONS) for e in EDGES), metrics, OPERATIONS)
