"""The rival of the benchmark on sums over slots proves what enumeration finds."""

import runpy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from mathdesign.solvers import SolveOptions, backend
from tests.places import ROOT
from tests.slot_problems import random_slot_problem

pytest.importorskip("ortools", reason="needs ortools, which is no dependency")
RIVAL = SimpleNamespace(**runpy.run_path(str(ROOT / "benchmarks" / "cpsat_slots.py")))


@pytest.mark.parametrize("seed", range(12))
def test_cp_sat_agrees_with_enumeration(seed):
    program = random_slot_problem(np.random.default_rng(seed), 200, spread=False)
    program = replace(
        program, objective=replace(program.objective, ensembles=()), distances=()
    )  # fmt: skip
    found, truth = RIVAL.solve(program, 10.0), backend("brute").solve(program, SolveOptions(gap=0))
    assert found.status is truth.status
    if truth.objective is not None:
        assert found.bound >= truth.objective
        assert found.objective == pytest.approx(truth.objective, rel=2e-6)
