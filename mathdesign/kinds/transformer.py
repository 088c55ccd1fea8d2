"""The kind of transformers: language models, encoders, pairs, vision."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from mathdesign.certificate import BudgetUse, finite_numbers
from mathdesign.devices.operators import Operator
from mathdesign.devices.report import (
    DEVICES,
    device_figures,
    device_rows,
    figures_of,
)
from mathdesign.devices.sources import COARSE, read_devices
from mathdesign.export.transformer import module
from mathdesign.export.transformer.hugging_face import DoesNotFit, config_text
from mathdesign.kinds.several import Several
from mathdesign.programs.base import IntArray, Limit, rounded_up
from mathdesign.programs.chain import EFFECTIVENESS
from mathdesign.programs.mixes import MixProblem
from mathdesign.solvers.base import Solution
from mathdesign.spaces.kind import (
    CannotBuild,
    Cells,
    Check,
    Kind,
    Ladder,
    Lifted,
    ReadsImages,
    ReadsText,
    Recount,
    TextTable,
    pinned,
    refuse_heavy,
)
from mathdesign.spaces.transformer import by_hand, operators, pins, rows
from mathdesign.spaces.transformer.faults import transformer_faults
from mathdesign.spaces.transformer.network import Transformer
from mathdesign.spaces.transformer.pose import (
    PosedTransformer,
    layers_of,
    least_effectiveness,
    least_peak,
    pose,
)
from mathdesign.spaces.transformer.presets import SPACES
from mathdesign.spaces.transformer.quick import quick_words
from mathdesign.spaces.transformer.shape import KINDS
from mathdesign.spaces.transformer.words import PEAKS, StackSpec, TransformerSpec
from mathdesign.spaces.transformer.zoo import published
from mathdesign.spaces.watch import Watch, unwatched
from mathdesign.spec.blocks import Limits
from mathdesign.spec.faults import CrossFault, posing
from mathdesign.spec.pins import Choices
from mathdesign.validators.devices import device_costs, verify_devices
from mathdesign.validators.transformer.recheck import counted, verify_transformer
from mathdesign.validators.transformer.running import LARGEST, check_runs

LAYER_HEADER = ("stack", "layers", "width", "heads", "kv heads", "head size", "ffn", "attention")
DECISIONS = ("width", "depth", "heads", "kv_heads", "head_size", "ffn", "attention")
#: Families that are trained on text.
GENERATE_TEXT = ("decoder_lm", "prefix_lm")
FIGURES = ("entropy", "effectiveness")


class OneTransformer(Kind[TransformerSpec, PosedTransformer, Transformer]):
    """Stacks of layers of one width; entropy, or a metric, is maximised or minimised."""

    name = "transformers"
    families = tuple(KINDS)
    spec = TransformerSpec
    program = MixProblem
    layout = (
        "format", "network", "metrics", *FIGURES, DEVICES, "budgets", "certificate", "request",
    )  # fmt: skip
    presets = {"TransformerSpaceSpec": ("stacks",)}
    picture = ("space", "image")
    sizes = ("macs", "params", "non_embedding_params", "token_macs", "kv_cache_bytes")

    def faults(self, spec: TransformerSpec) -> Iterator[CrossFault]:
        """See :mod:`mathdesign.spaces.transformer.faults`."""
        return iter(
            dict.fromkeys(f for _, own in pins.members(spec) for f in transformer_faults(own))
        )

    def described(self) -> list[dict[str, Any]]:
        """The families with their published spaces and networks."""
        networks = published()
        return [
            {
                "name": family,
                "summary": ", ".join(n for n, s in SPACES.items() if s["family"] == family) or "-",
                "block": "transformer",
                "decisions": list(DECISIONS),
                "options": list(StackSpec.model_fields),
                "preset": {n: s for n, s in SPACES.items() if s["family"] == family},
                "published": {
                    name: {
                        "params": entry.network.params(),
                        "source": entry.source,
                        "warnings": list(entry.warnings),
                    }
                    for name, entry in networks.items()
                    if entry.network.kind == family
                },
            }
            for family in self.families
        ]

    def quick(
        self, family: str, image: tuple[int, int] | None, classes: int | None,
        budgets: Mapping[str, Any],
    ) -> dict[str, Any]:  # fmt: skip
        """See :mod:`mathdesign.spaces.transformer.quick`."""
        return quick_words(family, image, classes, budgets)

    def pose(self, spec: TransformerSpec, watch: Watch = unwatched) -> PosedTransformer:
        """See :mod:`mathdesign.spaces.transformer.pose`."""
        with posing():
            return pose(spec, watch)

    def choices(self, spec: TransformerSpec) -> Choices:
        """See :mod:`mathdesign.spaces.transformer.pins`."""
        _, first = pins.members(spec)[0]
        return pins.choices(spec, layers_of(first))

    def held(self, network: Transformer) -> dict[str, str]:
        """The same of a network; what its layers do not agree on is left out."""
        return pins.held(network)

    def network(self, posed: PosedTransformer, point: Sequence[int]) -> Transformer:
        """The stacks with their layers in order."""
        return posed.network(point)

    def starting_point(self, posed: PosedTransformer, network: Any) -> tuple[int, ...] | None:
        """The same layers in the same order, where the space has them."""
        return posed.point(network) if type(network) is Transformer else None

    def lifted(self, posed: PosedTransformer) -> Lifted:
        """Budgets on peaks shape the options: they are lifted, with the least that is needed.

        So is the limit on depth / width where no network of the space keeps it.
        """
        spec, needs = posed.spec, list[tuple[Limit, int | float]]()
        limits: dict[str, Limits] = {}
        if peaks := spec.peak_limits():
            posed = _under(spec, {})
            least = least_peak(posed)
            needs += [(limit, least) for limit in peaks]
            limits = {p.metric: Limits(max=max(int(p.bound), least)) for p in peaks}
        program, asked = posed.program, spec.effectiveness_limit()
        thinnest = Fraction(0) if asked is None else least_effectiveness(posed)
        too_deep = asked is not None and thinnest > asked

        def loosened(program: MixProblem) -> MixProblem:
            if not too_deep:
                return program
            kept = tuple(b for b in program.budgets if b.metric != EFFECTIVENESS)
            return replace(program, budgets=kept)

        if asked is not None and too_deep:
            needs.append((Limit(EFFECTIVENESS, "max", float(asked)), float(thinnest)))
        held = (lambda: loosened(_under(spec, limits).program)) if limits else None
        return Lifted(loosened(program), tuple(needs), tuple(limits), held)

    def reported(self, posed: PosedTransformer) -> tuple[str, ...]:
        """Without the rows that are rules of the space."""
        return (*posed.spec.columns(), *(device.name for device in posed.devices))

    def is_choice(self, path: str) -> bool:
        """Words of a stack that the program decides."""
        return rows.is_choice(path)

    def row_points(self, posed: PosedTransformer, cells: Cells) -> list[IntArray]:
        """See :mod:`mathdesign.spaces.transformer.rows`."""
        return rows.row_points(posed, cells)

    def rival_objectives(self, spec: TransformerSpec) -> dict[str, dict[str, Any]]:
        """The log-volume, the entropy, and the parameters beside the embeddings."""
        return {
            "volume": {"metric": "volume"},
            "entropy": {"metric": "entropy"},
            "non-embedding params": {"metric": "non_embedding_params"},
        }

    def restated(self, spec: TransformerSpec, objective: Mapping[str, Any]) -> dict[str, Any]:
        """The limit on depth / width that entropy brings along is spelled out."""
        limit = spec.effectiveness_limit()
        kept = {} if limit is None else {EFFECTIVENESS: float(limit)}
        return {**super().restated(spec, objective), **kept}

    def ladders(self, network: Transformer) -> dict[str, Ladder[Transformer]]:
        """See :mod:`mathdesign.spaces.transformer.by_hand`."""
        return by_hand.ladders(network)

    def reading(self, network: Transformer, ours: Transformer) -> Transformer:
        """Another vocabulary, context, image or number of classes; not another kind of network."""
        if network.kind != ours.kind:
            raise CannotBuild(f"it is a {network.kind}, the design a {ours.kind}")
        frame = ("vocabulary", "context", "image", "classes")
        return replace(network, **{name: getattr(ours, name) for name in frame})

    def counts(self, spec: TransformerSpec, network: Transformer) -> dict[str, int]:
        """From the network's plain words."""
        found = dict(counted(network.to_dict(), spec).metrics)
        devices = read_devices(spec.devices, COARSE)
        return found | device_costs(devices, operators.operators(network, spec.at.length))

    def recheck(self, posed: PosedTransformer, network: Transformer, solution: Solution) -> Recount:
        """Counted from the network's plain words (:mod:`mathdesign.validators.transformer`)."""
        assert solution.point is not None and solution.objective is not None
        spec = posed.spec
        claimed = posed.program.costs(solution.point)
        found = verify_transformer(network.to_dict(), spec, claimed, solution.objective)
        executed = operators.operators(network, spec.at.length)
        own = verify_devices(posed.devices, executed, claimed)
        uses = [
            BudgetUse(name, found.metrics[name], b.max, b.min)
            for name, b in sorted(spec.budgets.items())
        ]
        uses += [
            BudgetUse(d.name, own[d.name], b.upper, b.lower)
            for d in posed.devices
            if (b := d.budget) is not None
        ]
        limit = spec.effectiveness_limit()
        if limit is not None:
            uses.append(BudgetUse("effectiveness", found.effectiveness, float(limit)))
        figures: dict[str, Any] = {
            "entropy": found.entropy, "effectiveness": found.effectiveness,
        }  # fmt: skip
        if posed.devices:
            figures[DEVICES] = device_figures(posed.devices, executed)
        return Recount(found.metrics | own, figures, tuple(uses), solution.objective)

    def checks(
        self, posed: PosedTransformer, network: Transformer, claimed: Recount
    ) -> Iterator[Check]:
        """Everything counted again from the words, and weights of the built module by torch."""
        verify_transformer(network.to_dict(), posed.spec, claimed.metrics, claimed.objective)
        executed = operators.operators(network, posed.spec.at.length)
        verify_devices(posed.devices, executed, claimed.metrics)
        words = "counted again from the matrices: agree"
        yield Check("space, costs, budgets, objective", True, words)
        built = module.built_params(network)
        if built is not None:
            params = claimed.metrics.get("params")
            found = f"{built:,}, {params:,} claimed"
            yield Check("params of the built module", built == params, found)
            if built <= LARGEST:
                check_runs(network, module.build(network))
                words = "every weight and token has an influence"
                yield Check("forward and backward", True, words)

    def words_of(self, network: Transformer) -> dict[str, Any]:
        """One key, the network."""
        return {"network": network.to_dict()}

    def network_from(self, data: Mapping[str, Any]) -> Transformer:
        """Inverse of :meth:`words_of`."""
        return Transformer.from_dict(data["network"])

    def figures_from(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Entropy in nats, depth / width."""
        found = finite_numbers({name: data[name] for name in FIGURES}, FIGURES)
        return found | figures_of(data)

    def build(self, network: Transformer) -> Any:
        """See :mod:`mathdesign.export.transformer.module`; what is too large is counted, not built."""
        refuse_heavy(network.params(), network.macs(), network.depth)
        return module.build(network)

    def outline(self, network: Transformer) -> Any:
        """Also of what is too large to be built."""
        import torch

        with torch.device("meta"):
            return module.build(network)

    def example(self, network: Transformer) -> tuple[Any, ...]:
        """An encoder reads as text does, a pair two sequences."""
        import torch

        if network.image is not None:
            return super().example(network)
        tokens = torch.zeros(1, network.context, dtype=torch.long, device="meta")
        return (tokens,) * (2 if network.kind == "encoder_decoder" else 1)

    def source(self, network: Transformer, objective: float) -> str:
        """See :mod:`mathdesign.export.transformer.module`."""
        return module.source(network, objective=objective)

    def more_files(self, network: Transformer) -> Mapping[str, str]:
        """``config.json`` where a published architecture has this shape."""
        files: dict[str, str] = {}
        with contextlib.suppress(DoesNotFit):
            files["config.json"] = config_text(network)
        return files

    def operators(self, network: Transformer, length: int | None = None) -> tuple[Operator, ...]:
        """See :mod:`mathdesign.spaces.transformer.operators`."""
        return operators.operators(network, length)

    def table(self, network: Transformer) -> TextTable:
        """The layers in runs of equal ones."""
        rows = []
        for i, stack in enumerate(network.stacks):
            at = 1
            for layer, run in itertools.groupby(stack.layers):
                n = len(list(run))
                span = str(at) if n == 1 else f"{at}-{at + n - 1}"
                kind = layer.attention + (f" {layer.window}" if layer.window else "")
                sizes = (stack.width, layer.heads, layer.kv_heads, layer.head_size, layer.ffn)
                rows.append((str(i + 1), span, *map(str, sizes), kind))
                at += n
        return TextTable(network.name, LAYER_HEADER, rows, 2)

    def figure_rows(self, figures: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Entropy and depth / width."""
        return [
            ("entropy", f"{figures['entropy']:.3f} nats"),
            ("depth / width", rounded_up(figures["effectiveness"], 6)),
            *device_rows(figures),
        ]

    def images(self, network: Transformer) -> ReadsImages | None:
        """The input of vision transformers."""
        image = network.image
        return (
            None
            if image is None
            else ReadsImages(image.channels, image.size, network.classes, fixed=True)
        )

    def reads(self, network: Transformer) -> str:
        """Encoders and pairs read tokens too."""
        return super().reads(network) or f"{network.context:,} tokens"

    def text(self, network: Transformer) -> ReadsText | None:
        """Vocabulary and context of models that generate text."""
        if network.kind not in GENERATE_TEXT:
            return None
        return ReadsText(network.vocabulary, network.context)


class Transformers(Several[TransformerSpec, PosedTransformer, Transformer], OneTransformer):
    """Transformers, and the context among what is decided."""

    def members(self, spec: TransformerSpec) -> Sequence[tuple[Mapping[str, int], TransformerSpec]]:
        """One a context."""
        return pins.members(spec)

    def labels(self, network: Transformer) -> Mapping[str, int]:
        """Its context."""
        return {pins.CONTEXT: network.context}

    def pose(self, spec: TransformerSpec, watch: Watch = unwatched) -> PosedTransformer:
        """The members together; what is pinned of layers, stacks and images is pinned in each."""
        posed = super().pose(spec, watch)
        context = (spec.pins or {}).get(pins.CONTEXT)
        if context is None or len(spec.space.contexts) == 1:
            return posed
        return pinned(posed, {pins.CONTEXT: int(context)})


def _under(spec: TransformerSpec, peaks: Mapping[str, Limits]) -> PosedTransformer:
    """The space with these limits on peaks in place of its own."""
    free = {name: limits for name, limits in spec.budgets.items() if name not in PEAKS}
    return pose(spec.model_copy(update={"budgets": {**free, **peaks}}))
