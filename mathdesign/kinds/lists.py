"""The kind of option lists: named spaces of cells and layer lists, and a user's own slots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mathdesign.certificate import BudgetUse
from mathdesign.programs.base import Program
from mathdesign.programs.slot_space import TableError, TableSpace
from mathdesign.programs.slots import SlotProblem
from mathdesign.solvers.base import Solution
from mathdesign.spaces.kind import Check, Kind, Lifted, Recount, TextTable
from mathdesign.spaces.lists.faults import CELLS, list_faults
from mathdesign.spaces.lists.named import SPACES
from mathdesign.spaces.lists.nats_size import PATH
from mathdesign.spaces.lists.network import OptionList
from mathdesign.spaces.lists.one_shot import measured_rows
from mathdesign.spaces.lists.pose import PosedList, pose
from mathdesign.spaces.lists.words import ListSpec
from mathdesign.spec.faults import CrossFault, SpecError, posing
from mathdesign.surrogate.booster import rewritten
from mathdesign.surrogate.features import features_of, matrix
from mathdesign.surrogate.predictor import Predictor, read_back
from mathdesign.validators.lists.recheck import (
    check_cell,
    check_logs,
    check_measured,
    check_objective,
    logs_of,
    verify_list,
)

#: How far a claimed objective may be from the one computed again, relative.
SAME_OBJECTIVE = 1e-9


class Lists(Kind[ListSpec, PosedList, OptionList]):
    """Lists of options with costs in tables; a trained predictor or a metric is maximised."""

    name = "lists"
    families = (*SPACES, "slots")
    spec = ListSpec
    program = SlotProblem
    starts = True
    sizes = ("macs", "params")
    layout = (
        "format", "name", "options", "metrics", "budgets", "predictor", "certificate", "request",
    )  # fmt: skip

    def faults(self, spec: ListSpec) -> Iterator[CrossFault]:
        """See :mod:`mathdesign.spaces.lists.faults`."""
        return list_faults(spec)

    def described(self) -> list[dict[str, Any]]:
        """Slots and metrics of each named space; what ``slots`` is."""
        found = []
        for name, make in SPACES.items():
            space = make()
            lines = (make.__doc__ or "").strip().splitlines()
            options = list(dict.fromkeys(o for slot in space.slots for o in slot.options))
            found.append(
                {
                    "name": name,
                    "summary": lines[0].rstrip(".") if lines else "-",
                    "block": f"{len(space.slots)} slots",
                    "decisions": [slot.name for slot in space.slots],
                    "options": options,
                    "metrics": list(space.metrics),
                    "preset": {},
                }
            )
        own = {"name": "slots", "summary": "slots, options and costs spelled out in the file"}
        return [*found, {**own, "block": "slots", "decisions": [], "preset": {}}]

    def quick(
        self, family: str, image: tuple[int, int] | None, classes: int | None,
        budgets: Mapping[str, Any],
    ) -> dict[str, Any]:  # fmt: skip
        """Widths and the cells of NAS-Bench-201 have an objective that needs no measurements."""
        if family not in ("nats_size", CELLS):
            raise SpecError.plain(
                f"family {family} without a file",
                "a file with `objective: {predictor: FOLDER}`; `mathdesign fit` makes the folder",
            )
        if image is not None or classes is not None:
            raise SpecError.plain("--input or --classes", f"neither: {family} is one super-network")
        # ln of each width, as often as it enters a convolution of the longest path.
        objective = {"entropy": True} if family == CELLS else {"log_values": list(PATH)}
        return {"space": {"family": family}, "objective": objective, "budgets": dict(budgets)}

    def pose(self, spec: ListSpec) -> PosedList:
        """See :mod:`mathdesign.spaces.lists.pose`."""
        with posing():
            return pose(spec)

    def network(self, posed: PosedList, point: Sequence[int]) -> OptionList:
        """The chosen options."""
        return OptionList(posed.spec.name, posed.space.words(point))

    def starting_point(self, posed: PosedList, network: Any) -> tuple[int, ...] | None:
        """The same options, where the space has them."""
        if type(network) is not OptionList:  # of another kind
            return None
        try:
            return posed.space.point(network.options)
        except TableError:
            return None

    def settled(self, posed: PosedList, program: Program, solution: Solution) -> Solution:
        """The better of the solver's answer and the best measured row, where rows are known."""
        if posed.one_shot is None:
            return solution
        assert type(program) is SlotProblem
        return posed.one_shot.settled(program, solution, posed.spec.solve.gap)

    def lifted(self, posed: PosedList) -> Lifted:
        """Without distances: what was measured may be the answer too."""
        return Lifted(replace(posed.program, distances=()))

    def option_space(self, spec: ListSpec) -> TableSpace:
        """Its slots and costs."""
        return spec.table_space()

    def recheck(self, posed: PosedList, network: OptionList, solution: Solution) -> Recount:
        """Costs and objective computed again from the plain tables and the booster's own text."""
        assert solution.point is not None and solution.objective is not None
        at = np.array(solution.point, dtype=np.int64)[None]
        sums = posed.spec.metrics(posed.space)
        costs = {name: int(table.at(at)[0]) for name, table in sums.items()}
        metrics = _verified(posed, network, costs)
        _rescore(posed, network, solution)
        uses = tuple(
            BudgetUse(b.metric, metrics[b.metric], b.upper, b.lower) for b in posed.budgets
        )
        figures = {"predictor": _about(posed, solution.point)}
        return Recount(metrics, figures, uses, solution.objective)

    def checks(self, posed: PosedList, network: OptionList, claimed: Recount) -> Iterator[Check]:
        """Costs and budgets summed again; the objective asked of what was maximised."""
        _verified(posed, network, claimed.metrics)
        yield Check("costs and budgets", True, "summed again: agree to the unit")
        point = posed.space.point(network.options)
        value = _worth(posed, point)
        agrees = abs(value - claimed.objective) <= SAME_OBJECTIVE * max(1.0, abs(claimed.objective))
        words = f"{value:.6f} by the predictor, {claimed.objective:.6f} claimed"
        yield Check("objective", agrees, words)

    def words_of(self, network: OptionList) -> dict[str, Any]:
        """Name and options."""
        return {"name": network.name, "options": dict(network.options)}

    def network_from(self, data: Mapping[str, Any]) -> OptionList:
        """Inverse of :meth:`words_of`."""
        options = {str(k): str(v) for k, v in data["options"].items()}
        return OptionList(str(data["name"]), options)

    def figures_from(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """What is known of the predictor."""
        return {"predictor": dict(data["predictor"])}

    def table(self, network: OptionList) -> TextTable:
        """One row a slot."""
        return TextTable(network.name, ("slot", "option"), list(network.options.items()), 2)

    def figure_rows(self, figures: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The predictor's own error, beside what it predicts."""
        about = figures["predictor"]
        if not about:
            return []
        words = (
            f"{about['target']} {about['predicted']:.4f}, error about {about['rmse']:.4f} "
            f"(cross-validated RMSE, tau {about['tau']:.3f}, {about['rows']} rows): "
            "the best design of the predictor, not of the world"
        )
        return [("predictor", words), *measured_rows(about)]

    def proven_of(self, figures: Mapping[str, Any]) -> str:
        """A proof is about the predictor, where there is one."""
        return "the predictor" if figures["predictor"] else ""


def _worth(posed: PosedList, point: tuple[int, ...]) -> float:
    """What the objective says of a design, by what was measured where it was."""
    if posed.one_shot is None:
        return posed.program.value(point)
    return posed.one_shot.value(posed.program, point)


def _verified(posed: PosedList, network: OptionList, costs: Mapping[str, int]) -> dict[str, int]:
    space = posed.space
    return verify_list(
        space.slots, posed.spec.metrics(space), posed.budgets, network.options, costs, space.rules
    )


def _rescore(posed: PosedList, network: OptionList, solution: Solution) -> None:
    """Raise ``RecheckError`` unless the booster and the logarithms give the claimed objective."""
    weights, predictor = posed.spec.objective.log_values, posed.predictor
    assert solution.objective is not None
    if predictor is None:
        if posed.spec.objective.entropy:
            check_cell(network.options, solution.objective)
        if weights is not None:
            check_logs(network.options, weights, solution.objective)
        return
    assert solution.point is not None
    added, one_shot = 0.0 if weights is None else logs_of(network.options, weights), posed.one_shot
    if one_shot is not None and one_shot.guards:
        if one_shot.at(solution.point) is not None:
            check_measured(
                Path(posed.spec.objective.predictor or ""),
                network.options,
                solution.objective - added,
            )
            return
        added -= one_shot.margin
    if predictor.kind != "trees" or posed.spec.objective.uncertainty:
        return
    point = np.array(solution.point, dtype=np.int64)[None]
    features = features_of(posed.space)
    columns = matrix(features, point)
    check_objective(
        rewritten(predictor.members[0], features), columns[0], solution.objective - added
    )


def _about(posed: PosedList, point: Sequence[int]) -> dict[str, Any]:
    predictor = posed.predictor
    if predictor is None:
        return {}
    quality = predictor.quality
    value = float(predictor.predict(posed.space, np.array(point, dtype=np.int64)[None])[0])
    found = {
        "target": predictor.target, "model": predictor.kind, "predicted": value,
        "tau": quality.tau, "rmse": quality.rmse, "rows": quality.rows,
    }  # fmt: skip
    return found if posed.one_shot is None else found | _beside(posed, predictor, point)


def _beside(posed: PosedList, predictor: Predictor, point: Sequence[int]) -> dict[str, Any]:
    """The lower bound of a design and the best measured row that keeps the budgets."""
    shot, at = posed.one_shot, np.array(point, dtype=np.int64)[None]
    assert shot is not None
    score = predictor.objective(posed.space).at(at) - shot.margin
    row = shot.best(posed.program)
    best = None
    if row is not None:
        best = {
            "rows": shot.rows(posed.program), "value": float(shot.values[row]),
            "options": posed.space.words(shot.points[row]),
        }  # fmt: skip
    own = shot.at(tuple(map(int, point)))
    return {
        "lower_bound": float(read_back(score, predictor.levels)[0]),
        "measured": None if own is None else float(shot.values[own]), "best_measured": best,
    }  # fmt: skip
