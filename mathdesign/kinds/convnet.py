"""The kind of chains of convolutional stages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mathdesign.certificate import BudgetUse
from mathdesign.devices.operators import Operator
from mathdesign.devices.report import (
    DEVICES,
    device_figures,
    device_rows,
    figures_of,
)
from mathdesign.devices.sources import FINE, read_devices
from mathdesign.export import convnet as export
from mathdesign.kinds.several import Several
from mathdesign.memory.figures import MEMORY, memory_from, memory_rows
from mathdesign.metrics.base import CountingProfile
from mathdesign.programs.base import FloatArray, IntArray, rounded_up
from mathdesign.programs.chain import EFFECTIVENESS, DesignProblem
from mathdesign.solvers.arena.figures import held_figures
from mathdesign.solvers.base import Solution
from mathdesign.spaces.convnet import by_hand, operators, parts, rows
from mathdesign.spaces.convnet.facts import scale_names
from mathdesign.spaces.convnet.families import BODY_FAMILIES, FAMILIES
from mathdesign.spaces.convnet.faults import cross_faults, downsample_faults
from mathdesign.spaces.convnet.members import choices, held, labels, members
from mathdesign.spaces.convnet.network import Network
from mathdesign.spaces.convnet.pose import PosedChain, memory_of, to_program
from mathdesign.spaces.convnet.quick import quick_words
from mathdesign.spaces.convnet.words import Spec
from mathdesign.spaces.kind import (
    Cells,
    Check,
    Kind,
    Ladder,
    ReadsImages,
    Recount,
    TextTable,
    pinned,
    refuse_heavy,
)
from mathdesign.spaces.watch import Watch, unwatched
from mathdesign.spec.faults import CrossFault, posing
from mathdesign.spec.pins import Choices
from mathdesign.validators.convnet import recheck
from mathdesign.validators.convnet.checks import module_checks
from mathdesign.validators.devices import device_costs
from mathdesign.validators.errors import RecheckError

STAGE_HEADER = (
    "stage", "block", "in", "out", "bottleneck", "kernel", "depth", "stride", "resolution",
)  # fmt: skip
#: The profile that counts what is built.
BUILT: CountingProfile = "macs"
FIGURES = ("entropy", "depth_penalty", EFFECTIVENESS)
VOLUME = "volume"
"""Reported where it is part of the objective."""


class OneChain(Kind[Spec, PosedChain, Network]):
    """Chains of stages: bottlenecks, inverted residuals, basic blocks, ConvNeXt blocks, ..."""

    name = "convnet"
    families = BODY_FAMILIES
    spec = Spec
    program = DesignProblem
    layout = (
        "format", "network", "metrics", *FIGURES, VOLUME, MEMORY, DEVICES, "budgets", "certificate",
        "request",
    )  # fmt: skip
    presets = {"SpaceSpec": ("stages",)}
    sizes = ("macs", "params")
    starts = True

    def faults(self, spec: Spec) -> Iterator[CrossFault]:
        """See :mod:`mathdesign.spaces.convnet.faults`; of each member, and each fault once."""
        yield from downsample_faults(spec)
        yield from dict.fromkeys(fault for _, own in members(spec) for fault in cross_faults(own))

    def described(self) -> list[dict[str, Any]]:
        """Blocks and decisions of each family, and its preset."""
        return [
            {
                "name": family.name,
                "summary": family.summary,
                "block": family.block,
                "decisions": list(family.decisions),
                "layers_per_block": family.layers_per_block,
                "preset": [dict(stage) for stage in family.preset],
            }
            for family in map(FAMILIES.__getitem__, BODY_FAMILIES)
        ]

    def quick(
        self, family: str, image: tuple[int, int] | None, classes: int | None,
        budgets: Mapping[str, Any],
    ) -> dict[str, Any]:  # fmt: skip
        """See :mod:`mathdesign.spaces.convnet.quick`."""
        return quick_words(family, image, classes, budgets)

    def pose(self, spec: Spec, watch: Watch = unwatched) -> PosedChain:
        """See :mod:`mathdesign.spaces.convnet.pose`."""
        with posing():
            return to_program(spec, watch)

    def network(self, posed: PosedChain, point: Sequence[int]) -> Network:
        """Every choice made."""
        return Network.from_point(posed.space, point, posed.spec.name)

    def starting_point(self, posed: PosedChain, network: Any) -> tuple[int, ...] | None:
        """The choices of a network of as many decisions."""
        if type(network) is not Network:  # of another kind
            return None
        point = network.point
        return point if len(point) == len(posed.program.variables) else None

    def reported(self, posed: PosedChain) -> tuple[str, ...]:
        """Peaks as well."""
        return (*posed.program.metric_names, *posed.program.peak_names)

    def is_choice(self, path: str) -> bool:
        """Common words of a stage, and those that set decisions of its family."""
        return rows.is_choice(path)

    def row_points(self, posed: PosedChain, cells: Cells) -> list[IntArray]:
        """See :mod:`mathdesign.spaces.convnet.rows`."""
        return rows.row_points(posed, cells)

    def rival_objectives(self, spec: Spec) -> dict[str, dict[str, Any]]:
        """The log-volume, DeepMAD's forms, MAE-DET's, the entropy of the whole main path."""
        last = [0.0] * (len(scale_names(spec)) - 1) + [1.0]
        path = {"variant": "paper", "weights": last, "depth_penalty": 0.0}
        return {
            "volume": {"volume": {}},
            "deepmad (code)": {"entropy": {"variant": "tinynas", "depth_stages": "all"}},
            "deepmad (paper)": {"entropy": {"variant": "paper"}},
            "deepmad (no penalty)": {"entropy": {"variant": "tinynas", "depth_penalty": 0.0}},
            "mae-det": {"entropy": {"variant": "mae_det"}},
            "path entropy": {"entropy": path},
        }

    def parts(self, posed: PosedChain, points: IntArray) -> dict[str, FloatArray]:
        """Logarithms of choices, by stage (:mod:`mathdesign.spaces.convnet.parts`)."""
        return parts.parts(posed, points)

    def weighted(self, spec: Spec, multipliers: Mapping[str, float]) -> dict[str, Any]:
        """A log-volume with lists by stage."""
        return parts.weighted(len(spec.space.stages), multipliers)

    def ladders(self, network: Network) -> dict[str, Ladder[Network]]:
        """See :mod:`mathdesign.spaces.convnet.by_hand`."""
        return by_hand.ladders(network)

    def reading(self, network: Network, ours: Network) -> Network:
        """Any image will do: resolutions follow, widths stay."""
        words, wanted = network.to_dict(), ours.to_dict()
        *body, last = words["stages"]
        return Network.from_dict(
            {**words, "input": wanted["input"], "stages": [*body, {**last, "width": ours.classes}]}
        )

    def counts(self, spec: Spec, network: Network) -> dict[str, int]:
        """Layer by layer, as the request counts; rows of the user's own are not counted."""
        memory = memory_of(spec)
        held = {} if memory is None else recheck.count_memory(network, memory)
        devices = read_devices(spec.devices, FINE)
        own = device_costs(devices, operators.operators(network))
        return recheck.count(network, spec.counting) | held | own

    def recheck(self, posed: PosedChain, network: Network, solution: Solution) -> Recount:
        """Counted layer by layer (:mod:`mathdesign.validators.convnet.recheck`)."""
        assert solution.objective is not None
        return _recount(posed, network, solution.objective)

    def checks(self, posed: PosedChain, network: Network, claimed: Recount) -> Iterator[Check]:
        """The recount again, then the built module: counted, run, simulated, exported."""
        what = "layer-by-layer recount"
        try:
            found = _recount(posed, network, claimed.objective)
            if dict(found.metrics) != dict(claimed.metrics):
                yield Check("metrics", False, f"{dict(found.metrics)} by recount")
            yield Check(what, True, f"objective {found.objective:.6f}, budgets kept")
        except (RecheckError, ValueError) as error:
            yield Check(what, False, str(error))
        for check, ok, words in module_checks(network, self.build(network)):
            yield Check(check, ok, words)

    def words_of(self, network: Network) -> dict[str, Any]:
        """One key, the network."""
        return {"network": network.to_dict()}

    def network_from(self, data: Mapping[str, Any]) -> Network:
        """Inverse of :meth:`words_of`."""
        return Network.from_dict(data["network"])

    def figures_from(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Entropy, depth penalty and effectiveness; the log-volume where it is maximised."""
        names = (*FIGURES, VOLUME) if VOLUME in data else FIGURES
        held = {MEMORY: memory_from(data[MEMORY])} if MEMORY in data else {}
        return {name: float(data[name]) for name in names} | held | figures_of(data)

    def build(self, network: Network) -> Any:
        """See :mod:`mathdesign.export.convnet`; what is too large is counted, not built."""
        counts = recheck.count(network, BUILT)
        refuse_heavy(counts["params"], counts["macs"], counts["blocks"])
        return export.build(network)

    def source(self, network: Network, objective: float) -> str:
        """See :mod:`mathdesign.export.convnet`."""
        return export.source(network, objective=objective)

    def operators(self, network: Network, length: int | None = None) -> tuple[Operator, ...]:
        """See :mod:`mathdesign.spaces.convnet.operators`."""
        return operators.operators(network)

    def drawn(self, network: Network) -> dict[str, Any]:
        """A bar a block, as its stages say."""
        return network.to_dict()

    def table(self, network: Network) -> TextTable:
        """One row a stage: widths in channels, depth in blocks, resolution in pixels."""
        rows = []
        for stage in network.stages:
            choice, shape = stage.choice, stage.shape
            last = stage.role == "classifier"
            rows.append(
                (
                    stage.name,
                    stage.family,
                    str(stage.prev),
                    str(choice["width"]),
                    str(choice.get("bottleneck", "")),
                    str(choice.get("kernel_size", "")),
                    "" if last else str(choice["depth"]),
                    "" if last else str(shape.stride),
                    "" if last else f"{shape.resolution_in} -> {shape.resolution_out}",
                )
            )
        return TextTable(network.name, STAGE_HEADER, rows, 2)

    def figure_rows(self, figures: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Effectiveness, entropy and depth penalty, or the log-volume where it is maximised alone."""
        names = [name for name in ("entropy", "depth_penalty", VOLUME) if name in figures]
        if VOLUME in figures and not (figures["entropy"] or figures["depth_penalty"]):
            names = [VOLUME]
        return [
            (EFFECTIVENESS, rounded_up(figures[EFFECTIVENESS], 6)),
            *((name.replace("_", " "), f"{figures[name]:.6f}") for name in names),
            *memory_rows(figures.get(MEMORY, {})),
            *device_rows(figures),
        ]

    def counts_as_built(self, request: Mapping[str, Any]) -> bool:
        """Other profiles leave something out (the classifier)."""
        return bool(request.get("counting", BUILT) == BUILT)

    def as_built(self, network: Network) -> Mapping[str, int]:
        """Every weight and multiply-add."""
        return recheck.count(network, BUILT)

    def images(self, network: Network) -> ReadsImages:
        """The input of the network."""
        return ReadsImages(network.input_channels, network.input_size, network.classes)


class Convnet(Several[Spec, PosedChain, Network], OneChain):
    """Chains, and choices among them that change every cost (:mod:`mathdesign.spaces.convnet.members`)."""

    def members(self, spec: Spec) -> Sequence[tuple[Mapping[str, int], Spec]]:
        """See :mod:`mathdesign.spaces.convnet.members`."""
        return members(spec)

    def choices(self, spec: Spec) -> Choices:
        """Labels of members, and each stage's decisions but the classifier's: numbers."""
        return choices(spec)

    def held(self, network: Network) -> dict[str, str]:
        """The same of a network."""
        return held(network)

    def pose(self, spec: Spec, watch: Watch = unwatched) -> PosedChain:
        """The members together, under the pins; what has one value anyhow needs none."""
        posed = super().pose(spec, watch)
        decided = posed.program.decisions if spec.pins else ()
        pins = {k: int(value) for k, value in (spec.pins or {}).items() if k in decided}
        return pinned(posed, pins)

    def labels(self, network: Network) -> Mapping[str, int]:
        """The size of its input."""
        return labels(network)


def _recount(posed: PosedChain, network: Network, objective: float) -> Recount:
    found = recheck.verify(
        posed.space,
        network.point,
        counting=posed.spec.counting,
        entropy=posed.entropy,
        volume=posed.volume,
        metric_weights=posed.metric_weights,
        budgets=posed.budgets,
        effectiveness=posed.effectiveness,
        memory=posed.memory,
        devices=posed.devices,
        objective=objective,
    )
    uses = [BudgetUse(b.metric, found.metrics[b.metric], b.upper, b.lower) for b in posed.budgets]
    if posed.effectiveness is not None:
        uses.append(BudgetUse(EFFECTIVENESS, found.effectiveness, posed.effectiveness))
    figures: dict[str, Any] = dict(
        zip(FIGURES, (found.entropy, found.penalty, found.effectiveness))
    )
    if posed.volume is not None:
        figures[VOLUME] = found.volume
    if found.held is not None and posed.memory is not None:
        figures[MEMORY] = held_figures(found.held, posed.memory)
    if posed.devices:
        figures[DEVICES] = device_figures(posed.devices, operators.operators(network))
    return Recount(dict(found.metrics), figures, tuple(uses), found.objective)
