"""The exact engine against complete enumeration: answers, every bound on the way, and manners."""

import dataclasses
import math

import numpy as np
import pytest

from mathdesign.programs.base import Budget
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.evaluate import Evaluator
from mathdesign.programs.stages import (
    Decision,
    DepthPenalty,
    Effectiveness,
    LogTerm,
    Monomial,
    Objective,
    Repeat,
    Scale,
    Stage,
    term,
)
from mathdesign.solvers.base import Progress, Solution, SolveOptions, Status, Termination
from mathdesign.solvers.exact import engine as exact
from mathdesign.solvers.exact import search as exact_search
from mathdesign.solvers.exact.engine import Exact
from mathdesign.solvers.exact.model import lower
from mathdesign.solvers.scan.enumeration import Brute
from tests.small import two_stage_problem
from tests.strategies import random_problem

pytest.importorskip("numba")

FAMILIES = ("bottleneck", "inverted_residual", "basic")
#: Room for the last digits in which two ways of adding up the same objective differ.
ROUNDING = 1e-12


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No enumeration of small boxes, hardly any annealing, every bound reported."""
    monkeypatch.setattr(exact_search, "LEAF_POINTS", 1)
    monkeypatch.setattr(exact, "ANNEALING_MOVES", 20)
    monkeypatch.setattr(exact, "REPORT_EVERY_S", 0.0)


def solved(problem: DesignProblem, **options: object) -> tuple[Solution, list[float]]:
    """The engine's answer and every bound that it reported."""
    bounds: list[float] = []

    def note(progress: Progress) -> None:
        if progress.bound is not None:
            bounds.append(progress.bound)

    given = {"gap": 0.0, "time_limit_s": 60.0, "on_progress": note} | options
    answer = Exact().solve(problem, SolveOptions(**given))  # type: ignore[arg-type]
    return answer, [*bounds, answer.bound]


def assert_proven(problem: DesignProblem) -> Solution:
    """Same verdict as enumeration, same optimum, and no bound below it."""
    truth = Brute().solve(problem, SolveOptions())
    answer, bounds = solved(problem)
    assert answer.termination is Termination.COMPLETED
    assert answer.status is truth.status
    if truth.objective is not None:
        assert answer.objective is not None
        size = max(1.0, abs(truth.objective))
        assert truth.objective - 1e-6 * size <= answer.objective
        assert answer.objective <= truth.objective + ROUNDING * size
        assert min(bounds) >= truth.objective - ROUNDING * size
        assert Evaluator(problem)(np.array(answer.point)).feasible[0]
    return answer


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("family", FAMILIES)
def test_random_programs_of_a_family(family: str) -> None:
    """200 enumerated programs each: any variant, penalty, profile, rule and kind of budget."""
    feasible = 0
    for seed in range(200):
        problem = random_problem(np.random.default_rng(seed), family)
        feasible += assert_proven(problem).status is Status.OPTIMAL
    assert feasible >= 100


@pytest.mark.usefixtures("bare")
def test_random_programs_with_logarithms_of_choices() -> None:
    """Any weights, of either sign, alone and beside entropies; most of them have depths apart."""
    nodes = [
        assert_proven(random_problem(np.random.default_rng(seed), volume=True)).nodes
        for seed in range(60)
    ]
    assert max(nodes) > 5


def test_a_point_and_its_indices_where_depths_are_apart() -> None:
    for first in (1, 2):
        stage = Stage("s", (Decision("width", (4, 8)), Decision("depth", (first, 3, 7))), {})
        objective = Objective(logs=(LogTerm(0, "depth", 1.0),))
        lowered = lower(DesignProblem("links", (stage,), objective))
        assert lowered.further
        for point in ((4, first), (8, 3), (4, 7)):
            assert lowered.point(lowered.index(point)) == point
        assert lowered.index((4, 2 if first == 1 else 1)) is None


@pytest.mark.usefixtures("bare")
def test_harder_programs_of_mixed_families() -> None:
    nodes = [
        assert_proven(random_problem(np.random.default_rng(seed), largest=100_000)).nodes
        for seed in range(1000, 1040)
    ]
    assert max(nodes) > 5  # the bounds were needed


def test_metric_weights_of_either_sign() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        problem = random_problem(rng)
        weights = tuple((m, float(rng.normal()) * 1e-3) for m in ("params", "macs"))
        objective = dataclasses.replace(problem.objective, metric_weights=weights)
        if seed % 3 == 0:
            objective = Objective(metric_weights=weights)
        assert_proven(dataclasses.replace(problem, objective=objective))


def chain(stages: int = 3, **changes: object) -> DesignProblem:
    """A chain of toy stages declared here: a family that the library does not know."""
    links = tuple(
        Stage(
            name=f"s{s}",
            decisions=(
                Decision("width", (3, 7, 20, 21)),
                Decision("groups", (1, 5)),
                Decision("depth", (1, 2, 6)),
            ),
            costs={
                "params": (term(3, Repeat.FIRST, prev=1, width=2), term(5, Repeat.REST, groups=3)),
                "blocks": (Monomial(1, Repeat.EACH),),
            },
            layer_widths=(term(2, Repeat.EACH, prev=1, groups=1), term(1, Repeat.REST, width=2)),
            layers_per_block=2,
        )
        for s in range(stages)
    )
    given: dict[str, object] = {
        "name": "toy",
        "stages": links,
        "objective": Objective(
            scales=(Scale(0, 1.0, 16), Scale(stages - 1, 3.0, 1)),
            depth_penalty=DepthPenalty(1.0, "std", tuple(range(stages))),
        ),
        "budgets": (Budget("params", 30_000), Budget("blocks", 9, 4)),
    }
    return DesignProblem(**(given | changes))  # type: ignore[arg-type]


@pytest.mark.usefixtures("bare")
class TestNastyInput:
    """An answer, a proof that there is none, or a refusal: never a hang or a NaN."""

    def test_a_family_it_has_never_seen(self) -> None:
        assert assert_proven(chain()).status is Status.OPTIMAL

    def test_one_stage(self) -> None:
        assert assert_proven(chain(1)).status is Status.OPTIMAL

    def test_weights_of_zero(self) -> None:
        objective = Objective(scales=(Scale(0, 0.0, 9), Scale(2, 0.0, 9)))
        assert assert_proven(chain(objective=objective)).objective == 0.0

    def test_an_empty_objective(self) -> None:
        assert assert_proven(chain(objective=Objective())).objective == 0.0

    def test_a_single_choice_everywhere(self) -> None:
        stage = Stage("s", (Decision("width", (8,)), Decision("depth", (2,))), {"params": ()})
        changes = {"objective": Objective((Scale(0, 1.0, 4),)), "budgets": ()}
        problem = dataclasses.replace(chain(), stages=(stage,), **changes)
        assert assert_proven(problem).status is Status.OPTIMAL

    @pytest.mark.parametrize("limit", [0.0, 1e-300, 1e-3, 1e300])
    def test_effectiveness_that_forbids_everything_or_nothing(self, limit: float) -> None:
        problem = chain(effectiveness=Effectiveness(limit, (0, 2)))
        expected = Status.OPTIMAL if limit > 1 else Status.INFEASIBLE
        assert assert_proven(problem).status is expected

    @pytest.mark.parametrize("budget", [-5, 0, 1_000, 10**15, 10**30])
    def test_tiny_and_huge_budgets(self, budget: int) -> None:
        assert_proven(chain(budgets=(Budget("params", budget),)))

    def test_a_minimum_that_nothing_reaches(self) -> None:
        problem = chain(budgets=(Budget("params", None, 10**12),))
        assert assert_proven(problem).status is Status.INFEASIBLE

    def test_a_penalty_that_overflows(self) -> None:
        depths = Decision("depth", (1, 900))
        stages = tuple(
            dataclasses.replace(s, decisions=(*s.decisions[:2], depths)) for s in chain().stages
        )
        penalty = DepthPenalty(10.0, "variance", (0, 1, 2))
        objective = dataclasses.replace(chain().objective, depth_penalty=penalty)
        problem = chain(objective=objective, budgets=())
        assert_proven(dataclasses.replace(problem, stages=stages))

    def test_forty_stages_stop_in_time_with_a_valid_bound(self) -> None:
        problem = chain(40, budgets=(Budget("params", 600_000), Budget("blocks", 90)))
        answer, bounds = solved(problem, time_limit_s=2.0)
        assert answer.objective is not None
        assert answer.seconds < 6.0
        assert all(math.isfinite(b) and b >= answer.objective for b in bounds[-1:])

    def test_refusals_say_why(self) -> None:
        negative = chain(objective=Objective(scales=(Scale(0, -1.0, 4),)))
        assert "positive weights" in str(Exact().refuses(negative))
        with pytest.raises(ValueError, match="finite"):
            chain(objective=Objective(metric_weights=(("params", math.nan),)))


class TestManners:
    def test_same_seed_same_answer(self) -> None:
        problem = random_problem(np.random.default_rng(7), "bottleneck", 50_000)
        first, second = (solved(problem, seed=3)[0] for _ in range(2))
        assert (first.point, first.bound, first.nodes) == (second.point, second.bound, second.nodes)

    @pytest.mark.usefixtures("bare")
    def test_stopping_anywhere_leaves_a_valid_bound(self) -> None:
        problem = chain()
        truth = Brute().solve(problem, SolveOptions()).objective
        assert truth is not None
        for allowed in range(1, 12):
            looks = iter(range(allowed))
            answer, _ = solved(problem, should_stop=lambda it=looks: next(it, None) is None)
            assert answer.bound >= truth - ROUNDING * abs(truth)
            if answer.termination is Termination.INTERRUPTED:
                assert answer.status in (Status.FEASIBLE, Status.UNKNOWN)

    def test_a_warm_start_is_used_if_feasible(self) -> None:
        problem = two_stage_problem("bottleneck")
        best = Brute().solve(problem, SolveOptions()).point
        answer, _ = solved(problem, warm_start=best, time_limit_s=0.0)
        assert (answer.point, answer.termination) == (best, Termination.TIME_LIMIT)

    @pytest.mark.usefixtures("bare")
    def test_a_gap_is_met_and_named(self) -> None:
        answer, _ = solved(chain(), gap=0.05)
        assert answer.gap <= 0.05
        assert answer.status in (Status.WITHIN_GAP, Status.OPTIMAL)

    @pytest.mark.usefixtures("bare")
    def test_memory_limit(self) -> None:
        answer, _ = solved(chain(), memory_limit_bytes=1)
        assert answer.termination is Termination.MEMORY_LIMIT


@pytest.mark.parametrize("seed", range(12))
def test_two_threads_prove_the_same_and_repeat_exactly(seed: int) -> None:
    problem = random_problem(np.random.default_rng(seed), largest=10**9)
    one = Exact().solve(problem, SolveOptions(gap=0))
    two, again = (Exact().solve(problem, SolveOptions(gap=0, threads=2)) for _ in range(2))
    assert two.status is one.status
    assert (two.point, two.bound, two.nodes) == (again.point, again.bound, again.nodes)
    if one.objective is not None:
        assert two.objective == pytest.approx(one.objective, rel=1e-6)
