"""Every proving backend on every problem of the gallery."""

import pytest

from mathdesign.programs.evaluate import Evaluator
from mathdesign.solvers import BACKENDS, Ability, SolveOptions, Status, backend
from mathdesign.solvers.portfolio import cannot
from tests.solvers.gallery import GALLERY, Entry


@pytest.mark.parametrize("name", sorted(BACKENDS))
@pytest.mark.parametrize("entry", GALLERY, ids=lambda entry: entry.name)
def test_gallery(name: str, entry: Entry):
    solver, problem = backend(name), entry.make()
    if reason := cannot(solver, problem):
        pytest.skip(f"{name}: {reason}")
    options = SolveOptions(gap=0.0, time_limit_s=60, evaluations=2000)
    solution = solver.solve(problem, options)
    if solution.point is not None:
        scores = Evaluator(problem)(solution.point)  # type: ignore[arg-type]
        assert scores.feasible[0]
        assert solution.objective == pytest.approx(scores.objective[0], rel=1e-9)
        assert entry.optimum is not None
        assert solution.objective <= entry.optimum * (1 + 1e-9)
        assert solution.bound >= entry.optimum * (1 - 1e-12)
    if Ability.PROVES not in solver.abilities:
        assert solution.status in (Status.FEASIBLE, Status.UNKNOWN)
    elif entry.optimum is None:
        assert solution.status is Status.INFEASIBLE and solution.point is None
    else:
        assert solution.status is Status.OPTIMAL
        assert solution.objective == pytest.approx(entry.optimum, rel=1e-6)
