"""FBNet within the median latency of real devices, against a dynamic program and all of 9^6 parts."""

import numpy as np
import pytest

from mathdesign.solvers import SolveOptions, Status, backend
from tests.additive import fbnet, places
from tests.places import SHARED

TABLE = SHARED / "data" / "fbnet_ofa_latency" / "fbnet_latency.csv.gz"
OPTIONS = [
    [o for o in range(9) if o < 8 or (c_in, stride) == (c_out, 1)]
    for c_in, c_out, stride, _ in places()
]
"""A slot's last option is no block, which only stride 1 and equal widths allow."""

pytestmark = pytest.mark.skipif(not TABLE.is_file(), reason="no table of FBNet's latencies here")


def most(program, device: str) -> int:
    """The most multiply-adds by a dynamic program in integers: what no other sum beats both ways."""
    cost, value = program.metrics[device], program.metrics["macs"]
    (limit,) = [b.upper for b in program.budgets if b.metric == device]
    least = [min(int(cost.unary[i][o]) for o in own) for i, own in enumerate(OPTIONS)]
    costs, values = np.array([cost.constant]), np.array([value.constant])
    for i, own in enumerate(OPTIONS):
        costs = np.add.outer(costs, cost.unary[i][own]).ravel()
        values = np.add.outer(values, value.unary[i][own]).ravel()
        within = costs + sum(least[i + 1 :]) <= limit
        order = np.lexsort((-values[within], costs[within]))
        costs, values = costs[within][order], values[within][order]
        best = np.maximum.accumulate(values)
        kept = np.append(True, values[1:] > best[:-1])
        costs, values = costs[kept], values[kept]
    return int(values.max())


@pytest.mark.parametrize("device", ["pixel3", "raspi4"])
def test_the_optimum_is_that_of_a_dynamic_program(device):
    program = fbnet(TABLE, (device,))
    found = backend("viterbi").solve(program, SolveOptions(gap=0.0))
    assert found.status is Status.OPTIMAL and found.objective == most(program, device)


def test_six_slots_equal_all_of_their_points():
    """The others as the optimum has them: 9^6 choices, less those without a block."""
    first = 15
    devices = ("pixel3", "raspi4", "eyeriss")
    program = fbnet(TABLE, devices)
    solver = backend("viterbi")
    point = solver.solve(program, SolveOptions(gap=0.0)).point
    window = range(first, first + 6)
    names = list(program.decisions)
    part = program.pinned({names[i]: point[i] for i in range(22) if i not in window})
    part = part.with_budgets(
        [type(b)(b.metric, b.upper - 10**5 * (k + 1)) for k, b in enumerate(program.budgets)]
    )
    sums = {}
    for metric in (*devices, "macs"):
        table = program.metrics[metric]
        total = np.array([table.constant])
        for i in range(22):
            own = OPTIONS[i] if i in window else [point[i]]
            total = np.add.outer(total, table.unary[i][own]).ravel()
        sums[metric] = total
    held = np.all([sums[b.metric] <= b.upper for b in part.budgets], axis=0)
    found = solver.solve(part, SolveOptions(gap=0.0))
    assert len(held) > 3 * 10**5 and held.any()
    assert found.objective == sums["macs"][held].max()
