"""Designs of the spaces whose costs stand in tables of their own are networks that count the same."""

import random

import pytest

import mathdesign
from mathdesign.export.blocks import build
from mathdesign.report.drawing import stages_of
from mathdesign.report.files import files_of
from mathdesign.result import Design
from mathdesign.spaces.blocks.network import BlockNetwork
from mathdesign.spaces.blocks.operators import Shape
from mathdesign.spaces.blocks.registry import BLOCKS
from mathdesign.spaces.blocks.shorthand import classifier
from mathdesign.spaces.lists.built import cells_of_101, cells_of_201, sizes_of_nats
from mathdesign.spaces.lists.named import nasbench201, nats_size
from mathdesign.spaces.lists.nasbench101 import words_of
from mathdesign.validators.lists.module import check_blocks, idle_names, module_checks
from tests.places import ROOT, SHARED


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


OF_101 = {"C3": "conv3x3-bn-relu", "C1": "conv1x1-bn-relu", "MP": "maxpool3x3"}


def test_every_tabulated_cell_of_four_vertices_has_its_weights():
    """EC-NAS-Bench trained all 91 of them; NAS-Bench-101's own example cell has 2,694,282 weights."""
    edges = ((0, 1), (0, 2), (0, 3), (0, 5), (1, 6), (2, 6), (3, 4), (4, 6), (5, 6))
    matrix = [[int((i, j) in edges) for j in range(7)] for i in range(7)]
    operations = [OF_101[o] for o in ("C1", "C3", "C3", "C3", "MP")]
    assert cells_of_101("n", words_of(matrix, operations)).counts["params"] == 2_694_282
    path = SHARED / "data/nasbench101_subsets/ecnas_4v.csv.gz"
    if not path.is_file():
        pytest.skip("needs a table that is not beside the repository")
    pd = pytest.importorskip("pandas")
    frame = pd.read_csv(path, dtype={"adjacency": str}).drop_duplicates("hash")
    assert len(frame) == 91
    for row in frame.itertuples():
        operations = [OF_101[o] for o in row.ops.split("-")[1:-1]]
        n = len(operations) + 2
        bits = [int(bit) for bit in row.adjacency]
        matrix = [bits[n * i : n * i + n] for i in range(n)]
        network = cells_of_101("n", words_of(matrix, operations))
        assert network.counts["params"] == row.params, row


def test_a_vertex_without_an_operation_has_no_edge():
    with pytest.raises(ValueError, match="op1: found none and its edges"):
        BLOCKS["cell101"].block(width=4, e01=True, e06=True)
    with pytest.raises(ValueError, match="no edge to the output"):
        BLOCKS["cell101"].block(width=4)


def test_the_page_of_a_network_of_blocks_draws_each_with_its_size():
    design = Design.load(ROOT / "tests/saved/list.yaml")
    stages = stages_of(design.kind.drawn(design.network))
    blocks = design.network.network.blocks
    assert [stage.family for stage in stages] == [block.kind for block in blocks]
    assert [stage.resolution_out for stage in stages] == [32, 32, 16, 16, 8, 8, 8, 1]
    assert "report.html" in files_of(design)
