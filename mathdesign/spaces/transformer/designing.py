"""From a specification of transformers to a certified network."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mathdesign.programs.mixes import Frame, Group, MixProblem
from mathdesign.result import BudgetUse, Certificate
from mathdesign.solvers.base import Solution, SolveOptions, Status
from mathdesign.solvers.portfolio import choose, solve
from mathdesign.spaces.transformer.answer import TransformerDesign
from mathdesign.spaces.transformer.pose import NoFrame, Program, to_mix_problem
from mathdesign.spaces.transformer.words import PEAKS, TransformerSpec
from mathdesign.spec.faults import SpecError

if TYPE_CHECKING:
    from mathdesign.api import Hooks
    from mathdesign.explain import Explanation


def posed(spec: TransformerSpec) -> Program:
    """The program of a specification. Raises :class:`SpecError` where nothing can be built."""
    try:
        return to_mix_problem(spec)
    except NoFrame as error:
        raise SpecError.plain(f"space: {error}", "choices of which at least one fits") from None


def design_transformer(spec: TransformerSpec, hooks: Hooks) -> TransformerDesign:
    """The best network. Raises as :func:`mathdesign.api.design` says, ``SpecError`` too."""
    from mathdesign.api import Infeasible, NoDesignFound, solve_options

    program = posed(spec)
    problem = program.problem
    choice = choose(problem, spec.solve.backend)
    if hooks.on_choice is not None:
        hooks.on_choice(problem, choice)
    solution = choice.backend.solve(problem, solve_options(spec.solve, hooks))
    if solution.status is Status.INFEASIBLE:
        raise Infeasible(nearest(spec))
    if solution.point is None:
        raise NoDesignFound(solution)
    return certified(program, solution)


def certified(program: Program, solution: Solution) -> TransformerDesign:
    """The answer, after all it claims was counted again from the network's plain words."""
    from mathdesign.api import versions
    from mathdesign.validators.transformer.recheck import verify_transformer

    assert solution.point is not None and solution.objective is not None
    spec, network = program.spec, program.network(solution.point)
    recount = verify_transformer(
        network.to_dict(), spec, program.problem.costs(solution.point), solution.objective
    )
    uses = [
        BudgetUse(name, recount.metrics[name], b.max, b.min)
        for name, b in sorted(spec.budgets.items())
    ]
    limit = spec.effectiveness_limit()
    if limit is not None:
        uses.append(BudgetUse("effectiveness", recount.effectiveness, float(limit)))
    proves = math.isfinite(solution.bound)
    return TransformerDesign(
        network=network,
        metrics=recount.metrics,
        entropy=recount.entropy,
        effectiveness=recount.effectiveness,
        budgets=tuple(uses),
        certificate=Certificate(
            status=solution.status.value,
            termination=solution.termination.value,
            objective=solution.objective,
            bound=max(solution.bound, solution.objective) if proves else None,
            gap=solution.gap if proves else None,
            gap_target=spec.solve.gap,
            backend=solution.backend,
            seed=spec.solve.seed,
            request_sha256=spec.content_hash(),
            versions=dict(versions()),
        ),
        request=spec.to_dict(),
    )


def nearest(spec: TransformerSpec) -> Explanation:
    """Why no network fits: what each budget could reach alone, and all together at the nearest."""
    from mathdesign.explain import BudgetReach, Explanation

    free = {name: b for name, b in spec.budgets.items() if name not in PEAKS}
    problem = posed(spec.model_copy(update={"budgets": free})).problem
    inner = tuple(b for b in problem.budgets if b.metric not in spec.budgets)
    lowers = tuple(replace(b, upper=None) for b in problem.budgets if b.lower is not None)
    shares = {n: 1 / max(b.max, 1) for n, b in free.items() if b.max is not None}
    joint = extreme(problem, shares, inner + lowers) if shares else None
    reaches = []
    for name, budget in free.items():
        for side, limit in (("max", budget.max), ("min", budget.min)):
            if limit is None:
                continue
            alone = extreme(problem, {name: 1.0 if side == "max" else -1.0}, inner)
            if alone is None:
                continue
            together = problem.costs(joint)[name] if joint is not None else None
            reaches.append(BudgetReach(name, side, limit, problem.costs(alone)[name], together))
    reaches += _peak_reaches(spec)
    return Explanation(tuple(reaches), joint is not None)


def _peak_reaches(spec: TransformerSpec) -> list[Any]:
    """The least activations that any network of the space needs, where they have a budget."""
    from mathdesign.explain import BudgetReach

    budget = spec.budgets.get("activation_bytes")
    if budget is None or budget.max is None:
        return []
    plans = posed(spec.model_copy(update={"budgets": {}})).plans
    least = min(
        max(
            min(
                replace(plan.shell, stacks=tuple(
                    replace(s, layers=(o.layer,) * 2 if j == i else ())
                    for j, s in enumerate(plan.shell.stacks)
                )).activation_bytes(spec.at.batch, spec.at.length, spec.at.value_bytes)
                for o in options
            )
            for i, options in enumerate(plan.options)
        )
        for plan in plans
    )  # fmt: skip
    return [BudgetReach("activation_bytes", "max", budget.max, least, None)]


def extreme(problem: MixProblem, weights: dict[str, float], budgets: Any) -> tuple[int, ...] | None:
    """The point of the least weighted sum of metrics under ``budgets``, ``None`` if none is."""
    at = np.array([weights.get(name, 0.0) for name in problem.metrics])
    frames = tuple(
        Frame(
            frame.costs,
            -float(frame.costs @ at),
            tuple(Group(g.costs, -(g.costs @ at), g.least, g.most) for g in frame.groups),
        )
        for frame in problem.frames
    )
    changed = replace(problem, frames=frames, budgets=tuple(budgets))
    return solve(changed, SolveOptions(gap=0.0)).point
