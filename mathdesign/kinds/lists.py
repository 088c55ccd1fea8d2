"""The kind of option lists: named spaces of cells and layer lists, and a user's own slots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mathdesign.certificate import BudgetUse
from mathdesign.programs.slot_space import TableError, TableSpace
from mathdesign.programs.slots import SlotProblem
from mathdesign.solvers.base import Solution
from mathdesign.spaces.kind import Check, Kind, Recount, TextTable, Watch, unwatched
from mathdesign.spaces.lists.faults import list_faults
from mathdesign.spaces.lists.named import SPACES
from mathdesign.spaces.lists.nats_size import PATH
from mathdesign.spaces.lists.network import OptionList
from mathdesign.spaces.lists.pose import PosedList, pose
from mathdesign.spaces.lists.words import ListSpec
from mathdesign.spec.faults import CrossFault, SpecError, posing
from mathdesign.surrogate.booster import rewritten
from mathdesign.surrogate.features import features_of, matrix
from mathdesign.validators.lists.recheck import (
    check_logs,
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
        """Only widths have an objective that needs no measurements."""
        if family != "nats_size":
            raise SpecError.plain(
                f"family {family} without a file",
                "a file with `objective: {predictor: FOLDER}`; `mathdesign fit` makes the folder",
            )
        if image is not None or classes is not None:
            raise SpecError.plain("--input or --classes", f"neither: {family} is one super-network")
        # ln of each width, as often as it enters a convolution of the longest path.
        return {
            "space": {"family": family},
            "objective": {"log_values": list(PATH)},
            "budgets": dict(budgets),
        }

    def pose(self, spec: ListSpec, watch: Watch = unwatched) -> PosedList:
        """See :mod:`mathdesign.spaces.lists.pose`."""
        with posing():
            return pose(spec, watch)

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

    def option_space(self, spec: ListSpec) -> TableSpace:
        """Its slots and costs."""
        return spec.table_space()

    def recheck(self, posed: PosedList, network: OptionList, solution: Solution) -> Recount:
        """Costs and objective computed again from the plain tables and the booster's own text."""
        assert solution.point is not None and solution.objective is not None
        costs = posed.space.costs(solution.point)
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
        value = posed.program.value(posed.space.point(network.options))
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
        return [("predictor", words)]

    def proven_of(self, figures: Mapping[str, Any]) -> str:
        """A proof is about the predictor, where there is one."""
        return "the predictor" if figures["predictor"] else ""


def _verified(posed: PosedList, network: OptionList, costs: Mapping[str, int]) -> dict[str, int]:
    space = posed.space
    return verify_list(
        space.slots, space.metrics, posed.budgets, network.options, costs, space.rules
    )


def _rescore(posed: PosedList, network: OptionList, solution: Solution) -> None:
    """Raise ``RecheckError`` unless the booster and the logarithms give the claimed objective."""
    weights, predictor = posed.spec.objective.log_values, posed.predictor
    assert solution.objective is not None
    if predictor is None:
        if weights is not None:
            check_logs(network.options, weights, solution.objective)
        return
    if predictor.kind != "trees" or posed.spec.objective.uncertainty:
        return
    added = 0.0 if weights is None else logs_of(network.options, weights)
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
    return {
        "target": predictor.target, "model": predictor.kind, "predicted": value,
        "tau": quality.tau, "rmse": quality.rmse, "rows": quality.rows,
    }  # fmt: skip
