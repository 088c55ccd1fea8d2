"""Ceilings of peaks in every backend: enumeration says what is true."""

import math

import pytest

from mathdesign.solvers import SolveOptions, Status, backend
from mathdesign.solvers.portfolio import BACKENDS, cannot
from tests.ceilings import held_chain, held_mixes, held_slots

MAKERS = (held_chain, held_slots, held_mixes)
#: Points of a program, at most: the oracle is quick.
MOST = 20_000
EXACT = SolveOptions(gap=0.0, time_limit_s=2)
SEEDS = range(4)


def programs():
    """Each with its greatest objective, ``-inf`` where nothing is feasible."""
    for maker in MAKERS:
        for seed in SEEDS:
            program = maker(seed)
            if program.points <= MOST:
                best = backend("brute").solve(program, EXACT).objective
                yield maker.__name__, seed, program, -math.inf if best is None else best


KNOWN = list(programs())


@pytest.mark.parametrize("name", [n for n in BACKENDS if n not in ("brute", "scan")])
def test_no_backend_breaks_a_ceiling_or_claims_too_much(name):
    for form, seed, program, best in KNOWN:
        if cannot(backend(name), program) is not None:
            continue
        found = backend(name).solve(program, EXACT)
        room = 2e-6 * max(1.0, abs(best)) if math.isfinite(best) else 0.0
        where = (form, seed)
        assert found.bound >= best - room, where
        assert found.point is None or program.feasible(found.point), where
        assert found.objective is None or found.objective <= best + room, where
        if found.status is Status.OPTIMAL:
            assert found.objective >= best - room, where
        assert found.status is not Status.INFEASIBLE or best == -math.inf, where
