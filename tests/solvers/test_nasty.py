"""Every proving backend on programs drawn to be hard on it, against plain enumeration."""

import pytest
from hypothesis import HealthCheck, assume, given, settings

from mathdesign.solvers import BACKENDS, Ability, SolveOptions, Status, backend
from mathdesign.solvers.base import OPTIMALITY_TOLERANCE
from mathdesign.solvers.portfolio import cannot
from tests import nasty, points

#: Some take their time over each program, however small.
EXAMPLES, SLOW = 40, {"scip": 8, "pyomo": 8, "cvxpy": 8}
PROVING = [name for name in sorted(BACKENDS) if Ability.PROVES in backend(name).abilities]


@pytest.mark.parametrize("name", PROVING)
def test_a_proof_is_one(name: str):
    solver = backend(name)

    @settings(
        max_examples=SLOW.get(name, EXAMPLES),
        deadline=None,
        suppress_health_check=[HealthCheck.filter_too_much],
    )
    @given(nasty.programs(solver.accepts, Ability.APART in solver.abilities))
    def proves(program):
        assume(cannot(solver, program) is None)
        best = points.best(program)
        solution = solver.solve(program, SolveOptions(gap=0.0, time_limit_s=20))
        if best is None:
            assert solution.point is None
            assert solution.status in (Status.INFEASIBLE, Status.UNKNOWN)
            return
        slack = OPTIMALITY_TOLERANCE * max(1.0, abs(best))
        assert solution.status is not Status.INFEASIBLE
        assert solution.bound >= best - 1e-9 * abs(best)
        if solution.point is not None:
            assert program.feasible(solution.point)
            assert solution.objective == program.value(solution.point)
        if solution.status is Status.OPTIMAL:
            assert solution.objective >= best - slack

    proves()
