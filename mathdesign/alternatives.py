"""Why this option here: what the best design without it is worth, proven slot by slot.

Attributions of a predictor (SHAP) say what moved a prediction from an average; they do not say what
would be lost by choosing otherwise, because all other slots could be chosen anew. That is a program:
the maximum over the designs whose slot takes another option.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mathdesign.programs.slot_space import TableError
from mathdesign.programs.slots import SlotProblem
from mathdesign.result import Design
from mathdesign.solvers.base import SolveOptions, Status
from mathdesign.solvers.portfolio import solve
from mathdesign.validators.errors import RecheckError


class NoSlots(ValueError):
    """A design that is not made of slots."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """The best design whose ``slot`` does not take ``option``.

    ``loss``: objective given up, at least; exact where ``proven``. ``None``: no such design keeps
    the budgets. ``loss_in_target``: the same in the unit of what the objective stands for (named
    ``target``), where it stands for something. ``changed``: how many slots differ from the answer.
    """

    slot: str
    option: str
    other: str | None
    loss: float | None
    proven: bool
    changed: int
    target: str | None = None
    loss_in_target: float | None = None


def alternatives(
    design: Design,
    options: SolveOptions | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Alternative]:
    """One for each slot that has a choice, in order. A space of one option each has none.

    Raises :class:`NoSlots` for designs of another form, ``DesignError`` and ``SpecError`` where its request or predictor
    cannot be used, ``TableError`` for options that are not of the space and where the predictor is another one
    than the design was made with: losses of one would be told of the other.
    """
    kind = design.kind
    spec: Any = design.specification()
    if kind.option_space(spec) is None:
        raise NoSlots("accepted: designs over option lists (slots)")
    posed = kind.pose(spec)
    problem: SlotProblem = posed.program
    point = kind.starting_point(posed, design.network)
    if point is None:
        raise TableError(f"{dict(design.network.options)} is no design of the space")
    try:
        wrong = [c for c in kind.checks(posed, design.network, design.recount) if not c.ok]
    except RecheckError as error:
        raise TableError(str(error)) from None
    if wrong:
        raise TableError("; ".join(f"{check.check}: {check.found}" for check in wrong))
    asked = options or SolveOptions(gap=0.0, time_limit_s=spec.solve.time_limit)
    for i, slot in enumerate(problem.slots):
        if len(slot.options) < 2 or should_stop():
            continue
        chosen = slot.options[point[i]]
        others = problem.barring({i: {point[i]}})
        found = kind.settled(posed, others, solve(others, asked))
        if found.status is Status.INFEASIBLE:
            yield Alternative(slot.name, chosen, None, None, True, 0)
            continue
        proven = found.status is Status.OPTIMAL
        best = found.objective if proven and found.objective is not None else found.bound
        other, changed = None, 0
        if found.point is not None:
            other = slot.options[found.point[i]]
            changed = sum(a != b for a, b in zip(point, found.point))
        loss = design.certificate.objective - best
        own, theirs = (kind.in_target(posed, v) for v in (design.certificate.objective, best))
        target, given_up = None, None
        if own is not None and theirs is not None and math.isfinite(best):
            target, given_up = own[0], own[1] - theirs[1]
        yield Alternative(slot.name, chosen, other, loss, proven, changed, target, given_up)
