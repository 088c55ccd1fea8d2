"""Designs of the spaces whose costs stand in tables of their own are networks that count the same."""

import random

import pytest

import mathdesign
from mathdesign.export.blocks import build
from mathdesign.result import Design
from mathdesign.spaces.blocks.network import BlockNetwork
from mathdesign.spaces.blocks.operators import Shape
from mathdesign.spaces.blocks.registry import BLOCKS
from mathdesign.spaces.blocks.shorthand import classifier
from mathdesign.spaces.lists.built import cells_of_201, sizes_of_nats
from mathdesign.spaces.lists.named import nasbench201, nats_size
from mathdesign.validators.lists.module import check_blocks, idle_names, module_checks
from tests.places import ROOT


@pytest.mark.parametrize("seed", range(3))
def test_networks_of_the_size_space_count_as_its_tables(seed):
    space, draw = nats_size(), random.Random(seed)
    point = [draw.randrange(8) for _ in space.slots]
    network = sizes_of_nats("n", space.words(point))
    assert network.counts == space.costs(point)
    if not seed:
        check_blocks(network, build(network), network.counts)


CELL = {"e01": "nor_conv_3x3", "e02": "none", "e12": "nor_conv_1x1", "e03": "skip_connect",
        "e13": "skip_connect", "e23": "none"}  # fmt: skip


def test_cells_have_the_weights_of_the_published_table():
    """Its multiply-adds count norms, activations and pools; those of convolutions are fewer."""
    space, draw = nasbench201(), random.Random(0)
    for _ in range(5):
        point = [draw.randrange(5) for _ in space.slots]
        network, costs = cells_of_201("n", space.words(point)), space.costs(point)
        assert network.counts["params"] == costs["params"]
        assert network.counts["macs"] < costs["macs"] < 1.7 * network.counts["macs"] + 8e6


def test_operations_on_no_path_are_idle_and_nothing_else_is():
    cell = BLOCKS["cell201"].block(width=4, **CELL)
    network = BlockNetwork("n", Shape(4, (6, 6)), (cell, classifier(3)))
    assert "e12" in idle_names(network) and "e01" not in idle_names(network)
    found = list(module_checks(network, build(network), network.counts))
    assert [ok for _, ok, _ in found] == [True] * 3, found


def test_a_saved_design_of_before_is_a_network_now():
    design = Design.load(ROOT / "tests/saved/list.yaml")
    assert design.network.network.counts == dict(design.metrics)
    check_blocks(design.network.network, design.build(), design.metrics)
    assert "(Cell," in design.source()
    assert design.kind.images(design.network).size == 32


def test_what_is_counted_otherwise_stands_beside_what_is_built():
    spec = mathdesign.loads("space: {family: nasbench201}\nobjective: {entropy: true}\n"
                            "budgets: {macs: 60M}\n")  # fmt: skip
    design = mathdesign.design(spec)
    built = design.kind.as_built(design.network)
    assert built["macs"] < design.metrics["macs"] and built["params"] == design.metrics["params"]
    assert not design.kind.counts_as_built(design.request)
