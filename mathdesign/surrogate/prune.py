r"""Options cut by their attributions, each with a proof of what the cut can have lost.

The rule is the first-order one of GBDT-NAS (arXiv 2007.04785) as it is meant: the mean SHAP value of
an option over the designs that use it; options with a negative mean go, the worst first. (The
published code averages running prefixes, counts options twice and can empty a layer.) With
:math:`F_{s,o}` the feasible designs that use option :math:`o` in slot :math:`s`, and :math:`z` the
optimum over what is kept, a cut has lost

.. math:: \max\Bigl(0,\; \max_{x \in F_{s,o}} f(x) - z\Bigr) \le \max(0, u_{s,o} - z),

where :math:`u_{s,o}` is the bound that the solver proves on :math:`F_{s,o}`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import SlotProblem
from mathdesign.solvers.base import SolveOptions
from mathdesign.solvers.portfolio import solve
from mathdesign.surrogate.booster import rewritten
from mathdesign.surrogate.features import matrix
from mathdesign.surrogate.predictor import Predictor


@dataclass(frozen=True, slots=True)
class Cut:
    """A removed option: its mean attribution, how many designs it rests on, what it can have cost.

    ``best`` is the proven bound of every feasible design that uses the option (``-inf``: there is
    none) and ``loss`` the proven bound of what was lost, both in the objective's unit.
    """

    slot: str
    option: str
    attribution: float
    designs: int
    best: float
    loss: float


@dataclass(frozen=True, slots=True)
class Pruning:
    """The cuts, the optimum over what is kept, and the shares of designs kept."""

    cuts: tuple[Cut, ...]
    kept_optimum: float | None
    kept_share: float

    @property
    def without(self) -> dict[str, list[str]]:
        """The cuts as ``space.without`` of a specification takes them."""
        found: dict[str, list[str]] = {}
        for cut in self.cuts:
            found.setdefault(cut.slot, []).append(cut.option)
        return found


def attributions(predictor: Predictor, space: TableSpace, points: IntArray) -> FloatArray:
    """What each slot adds to each prediction (SHAP values), shape ``(rows, slots)``.

    Exact TreeSHAP of LightGBM, summed over the features of a slot; features of several slots
    count for each of them in equal parts. Separable models: the table less its mean.
    """
    predictor.refuse(space)
    if predictor.kind == "tables":
        columns = [np.array(t)[points[:, i]] for i, t in enumerate(predictor.tables)]
        found = np.stack(columns, axis=1)
        centred: FloatArray = found - found.mean(axis=0)
        return centred
    import lightgbm

    features = predictor.space.features()
    booster = lightgbm.Booster(model_str=rewritten(predictor.members[0], features))
    shares = np.asarray(booster.predict(matrix(features, points), pred_contrib=True))[:, :-1]
    total = np.zeros((len(points), len(space.slots)))
    for column, feature in enumerate(features):
        for slot in feature.slots:
            total[:, slot] += shares[:, column] / len(feature.slots)
    return total


def prune(
    predictor: Predictor,
    space: TableSpace,
    points: IntArray,
    problem: SlotProblem,
    *,
    most: int = 20,
    options: SolveOptions | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Pruning:
    """Cut at most ``most`` options of ``problem``, at least one kept in every slot.

    ``points`` are the designs over which attributions are averaged. Raises ``ImportError``
    where trees are asked about without LightGBM.
    """
    shares = attributions(predictor, space, points)
    ranked = []
    for i, slot in enumerate(space.slots):
        for k, option in enumerate(slot.options):
            users = points[:, i] == k
            if users.any() and (mean := float(shares[users, i].mean())) < 0:
                ranked.append((mean, i, k, option, int(users.sum())))
    chosen: list[tuple[float, int, int, str, int]] = []
    left = [len(slot.options) for slot in space.slots]
    for found in sorted(ranked):
        if len(chosen) < most and left[found[1]] > 1:
            chosen.append(found)
            left[found[1]] -= 1
    removed: dict[int, set[int]] = {}
    for _, i, k, _, _ in chosen:
        removed.setdefault(i, set()).add(k)
    kept = solve(problem.barring(removed), options)
    cuts = []
    for mean, i, k, option, users_count in chosen:
        others = {i: set(range(len(space.slots[i].options))) - {k}}
        inside = problem.barring(others)
        bound = solve(inside, options).bound
        loss = math.inf if kept.objective is None else max(0.0, bound - kept.objective)
        cuts.append(Cut(space.slots[i].name, option, mean, users_count, bound, loss))
        say(f"{space.slots[i].name} {option}: attribution {mean:.4f}, at most {loss:.4f} lost")
    share = math.prod(n / len(slot.options) for n, slot in zip(left, space.slots))
    return Pruning(tuple(cuts), kept.objective, share)
