"""Every backend on every program of the gallery, and the gallery against plain enumeration."""

import numpy as np
import pytest

from mathdesign.solvers import BACKENDS, Ability, SolveOptions, Status, backend
from mathdesign.solvers.base import OPTIMALITY_TOLERANCE
from mathdesign.solvers.portfolio import cannot
from mathdesign.solvers.scan.enumeration import Enumeration
from tests import points
from tests.gallery import CHAINS, CONVNETS, GALLERY, MIXES, SLOTS, UNIONS, Entry

PROVING = [name for name in sorted(BACKENDS) if Ability.PROVES in backend(name).abilities]
#: These have too many points to list; their optima are derived beside them.
BY_HAND = ("forty slots", "forty layers")


def called(entry: Entry) -> str:
    return f"{entry.make().form}: {entry.name}"


every_entry = pytest.mark.parametrize("entry", GALLERY, ids=called)


@pytest.mark.parametrize("name", sorted(BACKENDS))
@every_entry
def test_gallery(name: str, entry: Entry):
    solver, program = backend(name), entry.make()
    if reason := cannot(solver, program):
        pytest.skip(f"{name}: {reason}")
    solution = solver.solve(program, SolveOptions(gap=0.0, time_limit_s=60, evaluations=2000))
    slack = OPTIMALITY_TOLERANCE * max(1.0, abs(entry.optimum or 0.0))
    if solution.point is not None:
        assert program.feasible(solution.point)
        assert solution.objective == pytest.approx(program.value(solution.point), rel=1e-9)
        assert entry.optimum is not None
        assert solution.objective <= entry.optimum + 1e-9 * abs(entry.optimum)
    if entry.optimum is not None:
        assert solution.bound >= entry.optimum - 1e-12 * abs(entry.optimum)
    if Ability.PROVES not in solver.abilities:
        assert solution.status in (Status.FEASIBLE, Status.UNKNOWN)
    elif entry.optimum is None:
        assert solution.status is Status.INFEASIBLE and solution.point is None
    elif not (entry.fine and solution.status is Status.FEASIBLE):
        assert solution.status is Status.OPTIMAL
        assert solution.objective >= entry.optimum - slack


@every_entry
def test_the_optimum_is_that_of_all_points(entry: Entry):
    program = entry.make()
    if entry.name in BY_HAND:
        pytest.skip(f"{program.points:.3g} points")
    expected = None if entry.optimum is None else pytest.approx(entry.optimum, rel=1e-12)
    assert best(program) == expected


@every_entry
def test_something_besides_enumeration_proves_it(entry: Entry):
    program = entry.make()
    others = [name for name in PROVING if not isinstance(backend(name), Enumeration)]
    proving = [name for name in others if cannot(backend(name), program) is None]
    assert proving or program.distances  # which some forms keep by enumeration alone


def test_names_tell_entries_apart():
    assert len(set(map(called, GALLERY))) == len(GALLERY)
    assert {entry.make().form for entry in [*CONVNETS, *CHAINS]} == {"chain"}
    assert {entry.make().form for entry in SLOTS} == {"slots"}
    assert {entry.make().form for entry in MIXES} == {"mixes"}
    assert {entry.make().form for entry in UNIONS} == {"union"}


def best(program) -> float | None:
    """The greatest objective over all feasible points; of large chains by the evaluator."""
    if program.form != "chain" or program.points < 100:
        return points.best(program)
    scores = program.evaluator(np.array(points.every_point(program)))
    found = scores.objective[scores.feasible]
    return float(found.max()) if len(found) else None
