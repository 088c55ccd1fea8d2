"""Costs on devices in a chain: the sum over the finished network's operators, to the step."""

from fractions import Fraction

import numpy as np
import pytest

from mathdesign.devices.header import Header
from mathdesign.devices.model import DEFAULT, CostModel, Rates
from mathdesign.devices.sources import FINE, Device
from mathdesign.devices.table import CostTable, Row
from mathdesign.programs.evaluate import Evaluator
from mathdesign.programs.stages import Repeat
from mathdesign.spaces.convnet.families import BODY_FAMILIES, StageShape
from mathdesign.spaces.convnet.network import Network
from mathdesign.spaces.convnet.operators import operators, stage_operators
from mathdesign.spaces.convnet.program import pose
from mathdesign.spaces.convnet.space import Space, StageSpace, WidthRules
from mathdesign.spaces.convnet.symbolic import block_operators, number
from mathdesign.spec.blocks import DeviceSpec
from mathdesign.spec.faults import SpecError
from tests.strategies import random_space

RATES = {
    DEFAULT: Rates(Fraction(5, 10**6), Fraction(1, 19 * 10**9), Fraction(1, 7 * 10**9)),
    "depthwise": Rates(Fraction(9, 10**6), Fraction(1, 3 * 10**9), Fraction(0)),
    "add": Rates(Fraction(0), Fraction(0), Fraction(1, 7 * 10**9)),
}


def model(form: str, base: int = 0) -> CostModel:
    return CostModel(Header("latency", "s"), RATES, form, Fraction(base, 10**6), Fraction("1.05"))


def device(source, name="latency") -> Device:
    words = DeviceSpec(table="t.csv") if isinstance(source, CostTable) else DeviceSpec(model="m")
    return Device(name, words, source, FINE["latency"])


class RandomTable(CostTable):
    """Every operator has a cost, drawn by its key: a table that knows all."""

    @classmethod
    def make(cls, keys, seed=0):
        rng = np.random.default_rng(seed)
        rows = {key: Row(int(rng.integers(1, 10**6))) for key in sorted(keys)}
        return CostTable(Header("latency", "ns"), rows)


def drawn(rng, family):
    """A space, and networks in it that keep its rules."""
    space = random_space(rng, family)
    free = pose(space)
    points = np.array([[rng.choice(free.stages[s].domain(n)) for s, n in free.variables]
                       for _ in range(40)])  # fmt: skip
    kept = points[Evaluator(free)(points).feasible]
    return space, kept, [Network.from_point(space, p, "n") for p in kept.tolist()]


@pytest.mark.parametrize("family", [None, *BODY_FAMILIES])
def test_symbolic_operators_are_those_of_the_network(family):
    for seed in range(6):
        try:
            space, _, networks = drawn(np.random.default_rng(seed), family)
        except ValueError:
            continue
        for network in networks[:8]:
            for stage, built in zip(space.stages, network.stages):
                derived = stage.block.derived(stage.choices, stage.shape)
                values = {**built.choice, "prev": built.prev}
                values |= {d.name: d.values[stage.choices[d.source].index(values[d.source])]
                           for d in derived}  # fmt: skip
                found = [op.at(values) for op in block_operators(stage, first=True)]
                for _ in range(built.choice["depth"] - 1):
                    found += [op.at(values) for op in block_operators(stage, first=False)]
                assert [op for op in found if op is not None] == list(stage_operators(built))


def test_counts_of_symbolic_operators_are_those_of_operators():
    drawings = (drawn(np.random.default_rng(seed), "regnet") for seed in range(9))
    space, networks = next((space, nets) for space, _, nets in drawings if nets)
    for stage, built in zip(space.stages, networks[0].stages):
        values = {**built.choice, "prev": built.prev}
        for symbolic in block_operators(stage, first=True):
            op = symbolic.at(values)
            macs = 0 if symbolic.macs is None else number(symbolic.macs, values)
            weights = 0 if symbolic.weights is None else number(symbolic.weights, values)
            moved = sum(number(v, values) for v in symbolic.values)
            assert (macs, weights, moved) == (op.macs, op.weights, op.values_in + op.values_out)


@pytest.mark.parametrize("family", [None, *BODY_FAMILIES])
@pytest.mark.parametrize("what", ["additive", "roofline", "table"])
def test_the_metric_of_a_point_is_the_sum_over_its_operators(family, what):
    checked = 0
    for seed in range(8):
        try:
            space, points, networks = drawn(np.random.default_rng(seed), family)
        except ValueError:
            continue
        if what == "table":
            with pytest.raises(SpecError, match="operators of the space without a cost") as caught:
                pose(space, devices=[device(CostTable(Header("latency", "ns"), {}))])
            assert "interpolate: true" in str(caught.value)
            source = RandomTable.make(every_key(space), seed)
        else:
            source = model(what, base=7)
        own = device(source)
        program = pose(space, devices=[own])
        if what == "additive" and family != "regnet":  # whose groups may be of one channel
            assert all(t.sources == ("prev", "width") for s in program.stages for t in s.tables)
        found = Evaluator(program).metrics(points)["latency"] if len(points) else []
        assert list(found) == [own.total(operators(network)) for network in networks]
        checked += len(networks)
    assert checked > 20


def every_key(space) -> set[str]:
    """All operators of a space of which any may be in a network, by asking for nothing."""
    found = set()

    class Asked(CostModel):
        def steps(self, operator, step):
            found.add(operator.key)
            return 10

    pose(space, devices=[device(Asked(Header("latency", "s"), RATES, "roofline"))])
    return found


def test_only_operators_that_a_design_can_have_need_a_cost():
    stage = {"kernel_size": (3,), "depth": (1, 2)}
    stages = (
        StageSpace("stem", "stem", "conv", StageShape(1, 8, 8),
                   {"width": (8, 64), "kernel_size": (3,), "depth": (1,)}),
        StageSpace("stage1", "body", "basic", StageShape(1, 8, 8), {"width": (16, 64), **stage}),
        StageSpace("classifier", "classifier", "classifier", StageShape(1, 8, 1),
                   {"width": (10,), "depth": (1,)}),
    )  # fmt: skip
    keys = every_key(Space(3, 8, stages, WidthRules(monotone=True)))
    assert "conv-8x8x8-16-k3x3" in keys and "conv-64x8x8-k3x3" in keys
    assert "conv-64x8x8-16-k3x3" not in keys  # narrower than the stage before


def test_an_addition_is_paid_where_a_block_keeps_its_width_alone():
    stages = (
        StageSpace("stem", "stem", "conv", StageShape(1, 8, 8),
                   {"width": (16, 24), "kernel_size": (3,), "depth": (1,)}),
        StageSpace("stage1", "body", "depthwise_separable", StageShape(1, 8, 8),
                   {"width": (16, 24), "kernel_size": (3,), "depth": (1,)}),
        StageSpace("classifier", "classifier", "classifier", StageShape(1, 8, 1),
                   {"width": (10,), "depth": (1,)}),
    )  # fmt: skip
    space = Space(3, 8, stages)
    own = device(model("additive"))
    program = pose(space, devices=[own])
    (table,) = program.stages[1].tables
    assert table.sources == ("prev", "width") and table.values.min() > 0
    assert all(
        repeat is Repeat.FIRST for repeat in [m.repeat for m in program.stages[1].costs["latency"]]
    )
    for point in [
        (16, 3, 1, 16, 3, 1, 10, 1),
        (16, 3, 1, 24, 3, 1, 10, 1),
        (24, 3, 1, 24, 3, 1, 10, 1),
    ]:
        network = Network.from_point(space, point, "n")
        assert program.costs(point)["latency"] == own.total(operators(network))
