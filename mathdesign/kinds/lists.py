"""The kind of option lists: named spaces of cells and layer lists, and a user's own slots."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mathdesign.certificate import BudgetUse, finite_numbers
from mathdesign.devices.operators import Operator
from mathdesign.devices.report import DEVICES, device_rows, figures_of
from mathdesign.export import blocks as export
from mathdesign.kinds.list_answers import (
    about_predictor,
    own_device_figures,
    rescored,
    verified,
    worth_of,
)
from mathdesign.memory.figures import MEMORY, memory_from, memory_rows
from mathdesign.programs.base import FloatArray, IntArray, Program
from mathdesign.programs.slot_space import TableError, TableSpace
from mathdesign.programs.slots import SlotProblem
from mathdesign.solvers.arena.figures import held_figures
from mathdesign.solvers.base import Solution
from mathdesign.spaces.blocks.executed import network_operators
from mathdesign.spaces.blocks.network import (
    BlockNetwork,
    after_all,
    network_from,
    network_words,
)
from mathdesign.spaces.blocks.registry import BLOCKS
from mathdesign.spaces.kind import (
    CannotBuild,
    Cells,
    Check,
    Kind,
    Lifted,
    ReadsImages,
    Recount,
    TextTable,
    pinned,
    refuse_heavy,
)
from mathdesign.spaces.lists.built import CELLS as BUILT_CELLS
from mathdesign.spaces.lists.built import COUNTED_OTHERWISE, blocks_asked, blocks_of
from mathdesign.spaces.lists.faults import CELLS, OWN, list_faults
from mathdesign.spaces.lists.named import PRESETS, SPACES
from mathdesign.spaces.lists.nats_size import PATH
from mathdesign.spaces.lists.network import OptionList
from mathdesign.spaces.lists.one_shot import check_rows, measured_rows
from mathdesign.spaces.lists.own_layers import CLASSIFIER
from mathdesign.spaces.lists.pose import PosedList, pose
from mathdesign.spaces.lists.words import ListSpec
from mathdesign.spaces.watch import Watch, unwatched
from mathdesign.spec.faults import CrossFault, SpecError, posing
from mathdesign.spec.pins import Choices
from mathdesign.surrogate.predictor import read_back
from mathdesign.validators.lists.module import module_checks

#: How far a claimed objective may be from the one computed again, relative.
SAME_OBJECTIVE = 1e-9
#: What a design tells of its predictor in numbers; those of before end with the fourth.
ABOUT_NUMBERS = ("predicted", "tau", "rmse", "rows", "objective", "bound")
NOT_ASKED = "lightgbm, which could say it again, is missing: pip install 'mathdesign[predictor]'"


SPELLED_OUT = {
    "slots": "slots, options and costs spelled out in the file",
    "layers": "blocks spelled out in the file, as options of slots; their costs follow",
}


class Lists(Kind[ListSpec, PosedList, OptionList]):
    """Lists of options with costs in tables; a trained predictor or a metric is maximised."""

    name = "lists"
    families = (*SPACES, *OWN)
    spec = ListSpec
    program = SlotProblem
    starts = True
    sizes = ("macs", "params")
    layout = (
        "format", "name", "options", "network", "metrics", MEMORY, DEVICES, "budgets", "predictor", "certificate",
        "request",
    )  # fmt: skip

    def faults(self, spec: ListSpec) -> Iterator[CrossFault]:
        """See :mod:`mathdesign.spaces.lists.faults`."""
        return list_faults(spec)

    def described(self) -> list[dict[str, Any]]:
        """Slots and metrics of each named space; what ``slots`` is."""
        found = []
        for name, make in SPACES.items():
            space = make()
            summary = PRESETS[name].summary if name in PRESETS else _first_line(make)
            options = list(dict.fromkeys(o for slot in space.slots for o in slot.options))
            found.append(
                {
                    "name": name,
                    "summary": summary,
                    "block": f"{len(space.slots)} slots",
                    "decisions": [slot.name for slot in space.slots],
                    "options": options,
                    "metrics": list(space.metrics),
                    "settings": _settings(name),
                    "preset": {},
                }
            )
        for name, summary in SPELLED_OUT.items():
            own = {"name": name, "summary": summary, "block": "slots"}
            found.append({**own, "decisions": [], "preset": {}})
        return found

    def quick(
        self, family: str, image: tuple[int, int] | None, classes: int | None,
        budgets: Mapping[str, Any],
    ) -> dict[str, Any]:  # fmt: skip
        """What has an objective that needs no measurements: blocks, widths, cells."""
        if family in PRESETS:
            return _quick_layers(family, image, classes, budgets)
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

    def pose(self, spec: ListSpec, watch: Watch = unwatched) -> PosedList:
        """See :mod:`mathdesign.spaces.lists.pose`."""
        with posing():
            posed = pose(spec, watch)
        return pinned(posed, _positions(posed.space, spec.pins or {}))

    def choices(self, spec: ListSpec) -> Choices:
        """Slots and their options."""
        return {slot.name: slot.options for slot in spec.table_space().slots}

    def held(self, network: OptionList) -> dict[str, str]:
        """The chosen options."""
        return dict(network.options)

    def network(self, posed: PosedList, point: Sequence[int]) -> OptionList:
        """The chosen options, and their blocks."""
        name, options = posed.spec.name, posed.space.words(point)
        blocks = blocks_of(posed.spec, name, options)
        return OptionList(name, options, blocks, posed.spec.space.family in BUILT_CELLS)

    def starting_point(self, posed: PosedList, network: Any) -> tuple[int, ...] | None:
        """The same options, where the space has them."""
        if type(network) is not OptionList:  # of another kind
            return None
        try:
            return posed.space.point(network.options)
        except TableError:
            return None

    def row_words(self, spec: ListSpec) -> dict[str, str]:
        """A column a slot, called as the slot."""
        return {slot.name: slot.name for slot in spec.table_space().slots}

    def row_points(self, posed: PosedList, cells: Cells) -> list[IntArray]:
        """One point a row."""
        import pandas as pd

        frame = pd.DataFrame({name: [cell[0] for cell in column] for name, column in cells.items()})
        return list(posed.space.points(frame)[:, None, :])

    def rival_objectives(self, spec: ListSpec) -> dict[str, dict[str, Any]]:
        """The entropy of cells; the log-volume of blocks; the sum of log widths, where there are some."""
        space = spec.table_space()
        if spec.space.family == CELLS:
            return {"cell entropy": {"entropy": True}}
        if spec.layers() is not None:
            return {"volume": {"volume": {}}}
        if not space.positive:
            return {}
        return {"log widths": {"log_values": [1.0] * len(space.slots)}}

    def settled(self, posed: PosedList, program: Program, solution: Solution) -> Solution:
        """The better of the solver's answer and the best measured row, where rows are known."""
        if posed.one_shot is None:
            return solution
        assert type(program) is SlotProblem
        return posed.one_shot.settled(program, solution, posed.spec.solve.gap)

    def lifted(self, posed: PosedList) -> Lifted:
        """Without distances: what was measured may be the answer too."""
        return Lifted(replace(posed.program, distances=()))

    def parts(self, posed: PosedList, points: IntArray) -> dict[str, FloatArray]:
        """Logarithms of the values, where the slots have positive ones."""
        if not posed.space.positive:
            return {}
        logs = np.log(posed.space.values(points))
        return {slot.name: logs[:, i] for i, slot in enumerate(posed.space.slots)}

    def weighted(self, spec: ListSpec, multipliers: Mapping[str, float]) -> dict[str, Any]:
        """The sum of logarithms of values by these weights."""
        names = [slot.name for slot in spec.table_space().slots]
        return {"log_values": {name: round(multipliers.get(name, 1.0), 4) for name in names}}

    def option_space(self, spec: ListSpec) -> TableSpace:
        """Its slots and costs."""
        return spec.table_space()

    def recheck(self, posed: PosedList, network: OptionList, solution: Solution) -> Recount:
        """Costs and objective computed again from the plain tables and the booster's own text."""
        assert solution.point is not None and solution.objective is not None
        program = posed.program
        claimed = {**program.costs(solution.point), **program.peaks(solution.point)}
        metrics, held = verified(posed, network, claimed)
        by = rescored(posed, network, metrics, solution.objective)
        uses = tuple(
            BudgetUse(b.metric, metrics[b.metric], b.upper, b.lower) for b in posed.budgets
        )
        figures: dict[str, Any] = {"predictor": about_predictor(posed, solution, by)}
        if posed.devices:
            figures[DEVICES] = {
                d.name: own_device_figures(posed, d, network, metrics[d.name])
                for d in posed.devices
            }
        if held is not None and posed.memory is not None:
            figures[MEMORY] = held_figures(held, posed.memory)
        return Recount(metrics, figures, uses, solution.objective)

    def reported(self, posed: PosedList) -> tuple[str, ...]:
        """Peaks as well."""
        return (*posed.program.metric_names, *posed.program.peak_names)

    def checks(self, posed: PosedList, network: OptionList, claimed: Recount) -> Iterator[Check]:
        """Costs and budgets summed again; the objective asked of what was maximised."""
        verified(posed, network, claimed.metrics)
        yield Check("costs and budgets", True, "summed again: agree to the unit")
        point = posed.space.point(network.options)
        value = worth_of(posed, point)
        agrees = abs(value - claimed.objective) <= SAME_OBJECTIVE * max(1.0, abs(claimed.objective))
        words = f"{value:.6f} by the predictor, {claimed.objective:.6f} claimed"
        if posed.predictor is None:
            words = f"{value:.6f} by the program, {claimed.objective:.6f} claimed"
        yield Check("objective", agrees, words)
        by = rescored(posed, network, claimed.metrics, claimed.objective)
        yield Check("re-scored", True, f"by {by}" if by else f"no: {NOT_ASKED}")
        yield from self._module(posed, network, claimed)
        told = (claimed.figures.get("predictor") or {}).get("sha256")
        if posed.predictor is not None and told is not None:
            same = told == posed.predictor.digest()
            words = "the one of the design" if same else "another one: it was fitted anew"
            yield Check("predictor", same, words)

    def _module(self, posed: PosedList, network: OptionList, claimed: Recount) -> Iterator[Check]:
        """The blocks are those of the options; the built module is what was counted."""
        blocks = blocks_of(posed.spec, network.name, network.options)
        if blocks is None:
            return
        if network.network != blocks:
            yield Check("blocks", False, "are not those of the options")
            return
        expected = dict(blocks.counts)
        if self.counts_as_built(posed.spec.to_dict()):
            expected |= {m: n for m, n in claimed.metrics.items() if m in expected}
        for check, ok, words in module_checks(blocks, self.build(network), expected):
            yield Check(check, ok, words)

    def build(self, network: OptionList) -> Any:
        """See :mod:`mathdesign.export.blocks`; what is too large is counted, not built."""
        blocks = _buildable(network)
        counts = blocks.counts
        refuse_heavy(counts["params"], counts["macs"], len(blocks.blocks))
        return export.build(blocks)

    def source(self, network: OptionList, objective: float) -> str:
        """See :mod:`mathdesign.export.blocks`."""
        return export.source(_buildable(network), objective=objective)

    def counts_as_built(self, request: Mapping[str, Any]) -> bool:
        """The table of NAS-Bench-201 counts norms and pools as multiply-adds."""
        return bool(request["space"]["family"] not in COUNTED_OTHERWISE)

    def as_built(self, network: OptionList) -> Mapping[str, int]:
        """Every weight and multiply-add, where there are blocks."""
        return {} if network.network is None else network.network.counts

    def images(self, network: OptionList) -> ReadsImages | None:
        """Square images, where its blocks read them."""
        blocks = network.network
        if blocks is None or len(set(blocks.given.size)) != 1 or len(blocks.given.size) != 2:
            return None
        fixed = any(operator.op == "flatten" for operator in blocks.operators)
        given = blocks.given
        return ReadsImages(given.channels, given.size[0], blocks.made.channels, fixed)

    def counts(self, spec: ListSpec, network: OptionList) -> dict[str, int]:
        """Multiply-adds and weights of its blocks, where it has some."""
        return {} if network.network is None else network.network.counts

    def reading(self, network: OptionList, ours: OptionList) -> OptionList:
        """Its blocks on the input of ``ours``, with as many classes."""
        blocks, read = network.network, ours.network
        if blocks is None or read is None or blocks.blocks[-1].kind != CLASSIFIER:
            raise CannotBuild("it has no blocks that another input could enter")
        last = BLOCKS[CLASSIFIER].block(
            **{**BLOCKS[CLASSIFIER].words(blocks.blocks[-1]), "width": read.made.channels}
        )
        fitted = replace(blocks, given=read.given, blocks=(*blocks.blocks[:-1], last))
        return replace(network, network=fitted)

    def reads(self, network: OptionList) -> str:
        """Images that are no squares, and sequences too."""
        blocks = network.network
        return "" if blocks is None else str(blocks.given).replace(" ", "")

    def example(self, network: OptionList) -> tuple[Any, ...]:
        """One input of its blocks."""
        import torch

        given = _buildable(network).given
        return (torch.empty(1, given.channels, *given.size, device="meta"),)

    def units(self, request: Mapping[str, Any]) -> Mapping[str, str]:
        """Of costs with decimals or units (:class:`mathdesign.spec.quantities.Steps`)."""
        try:
            spec = ListSpec.model_validate(dict(request))
            return {metric: own.unit for metric, own in spec.steps().items() if own.unit}
        except ValueError:
            return {}  # not our request: the integers as they are

    def words_of(self, network: OptionList) -> dict[str, Any]:
        """Name, options, and the blocks where there are some."""
        words = {"name": network.name, "options": dict(network.options)}
        if network.network is None or network.implied:
            return words
        return {**words, "network": network_words(network.network)}

    def network_from(self, data: Mapping[str, Any]) -> OptionList:
        """Inverse of :meth:`words_of`."""
        options, name = {str(k): str(v) for k, v in data["options"].items()}, str(data["name"])
        if "network" not in data:  # of a space without blocks, or written before it had some
            blocks = blocks_asked(data.get("request"), name, options)
            return OptionList(name, options, blocks, blocks is not None)
        return OptionList(name, options, network_from(name, data["network"]))

    def figures_from(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """What is known of the predictor; designs of before know less."""
        about = finite_numbers(data["predictor"], ABOUT_NUMBERS)
        if about:
            for name in ABOUT_NUMBERS[:4]:
                if about.get(name) is None:
                    raise ValueError(f"predictor.{name}: accepted: a finite number")
            for name in ("target", *(n for n in ("sha256", "rescored_by") if n in about)):
                if not isinstance(about.get(name), str):
                    raise ValueError(f"predictor.{name}: accepted: text")
            if "measured" in about:
                low, high = about["measured"]
                finite_numbers({"low": low, "high": high}, ("low", "high"))
                if None in (low, high):
                    raise ValueError("predictor.measured: accepted: two numbers")
            check_rows(about)
        held = {MEMORY: memory_from(data[MEMORY])} if MEMORY in data else {}
        return {"predictor": about} | held | figures_of(data)

    def operators(self, network: OptionList, length: int | None = None) -> tuple[Operator, ...]:
        """Those of its blocks, block by block."""
        if network.network is None:
            return super().operators(network, length)
        return network_operators(network.network)

    def drawn(self, network: OptionList) -> dict[str, Any] | None:
        """A bar a block; the first axis is told."""
        blocks = network.network
        if blocks is None:
            return None
        stages = []
        for i, (block, given) in enumerate(blocks.steps, 1):
            made = after_all((block,), given)
            role = "classifier" if i == len(blocks.blocks) else "body"
            words = {"name": f"block {i}", "role": role, "family": block.kind, "depth": 1}
            stages.append({**words, "width": made.channels, "leaves": made.size[0]})
        given = blocks.given
        return {"input": {"channels": given.channels, "size": given.size[0]}, "stages": stages}

    def table(self, network: OptionList) -> TextTable:
        """One row a slot."""
        return TextTable(network.name, ("slot", "option"), list(network.options.items()), 2)

    def figure_rows(self, figures: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The predictor's own error, beside what it predicts."""
        about = figures["predictor"]
        more = [*memory_rows(figures.get(MEMORY, {})), *device_rows(figures)]
        if not about:
            return more
        words = (
            f"{about['target']} {about['predicted']:.4f}{_beyond(about)}, error about "
            f"{about['rmse']:.4f} (cross-validated RMSE, tau {about['tau']:.3f}, {about['rows']} "
            "rows): the best design of the predictor, not of the world"
        )
        rows = [("predictor", words)]
        if about.get("rescored_by") == "":
            rows.append(("re-scored", f"no: {NOT_ASKED}"))
        return [*rows, *measured_rows(about), *more]

    def in_target(self, posed: PosedList, objective: float) -> tuple[str, float] | None:
        """A predictor's score read back; nothing where logarithms are added to it."""
        predictor = posed.predictor
        if predictor is None or posed.spec.objective.log_values is not None:
            return None
        value = float(read_back(np.array([objective]), predictor.levels)[0])
        return predictor.target, value

    def beside(self, figures: Mapping[str, Any], figure: str) -> str:
        """The score in the unit of the predictor's target."""
        about = figures["predictor"]
        if not about:
            return ""
        value = about.get(figure)
        return " (score)" if value is None else f" (score; {about['target']} {value:.4f})"

    def proven_of(self, figures: Mapping[str, Any]) -> str:
        """A proof is about the predictor, where there is one."""
        return "the predictor" if figures["predictor"] else ""


def _positions(space: TableSpace, pins: Mapping[str, int | str]) -> dict[str, int]:
    """Slot -> position of the option that is pinned."""
    options = {slot.name: slot.options for slot in space.slots}
    return {name: options[name].index(str(value)) for name, value in pins.items()}


def _settings(name: str) -> dict[str, str]:
    """The settings of a layer-wise space in words."""
    if name not in PRESETS:
        return {}
    return {
        s.name: f"{s.meaning} {s.accepted}; {str(s.default).lower()} where it is not told."
        for s in PRESETS[name].settings
    }


def _first_line(make: Any) -> str:
    lines = (make.__doc__ or "").strip().splitlines()
    return lines[0].rstrip(".") if lines else "-"


def _buildable(network: OptionList) -> BlockNetwork:
    """The blocks. Raises :class:`CannotBuild`."""
    if network.network is None:
        raise CannotBuild("no module is built: nothing says what blocks the options stand for")
    return network.network


def _quick_layers(
    family: str, image: tuple[int, int] | None, classes: int | None, budgets: Mapping[str, Any]
) -> dict[str, Any]:
    """The published space and input, but for what is told."""
    space: dict[str, Any] = {"family": family}
    if image is not None:
        space["input"] = {"channels": image[0], "size": image[1]}
    if classes is not None:
        space["classes"] = classes
    return {"space": space, "objective": {"volume": {}}, "budgets": dict(budgets)}


def _beyond(about: Mapping[str, Any]) -> str:
    """Words for a prediction that lies beyond every measured row."""
    low, high = about.get("measured", (-math.inf, math.inf))
    if low <= about["predicted"] <= high:
        return ""
    end, side = (high, "greatest") if about["predicted"] > high else (low, "least")
    return f" (extrapolated: the {side} measured is {end:.4f})"
