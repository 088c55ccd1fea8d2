"""Cells of NASBench-101: the rows admit exactly the connected ones, and the solver keeps them."""

import itertools

import numpy as np
import pytest

from mathdesign import api
from mathdesign.kinds.load import loads
from mathdesign.programs.base import Budget
from mathdesign.programs.slots import SlotObjective, SlotProblem, TableSum
from mathdesign.solvers.base import SolveOptions
from mathdesign.solvers.portfolio import solve
from mathdesign.spaces.lists.nasbench101 import ABSENT, OPERATIONS, nasbench101, words_of
from mathdesign.validators.errors import RecheckError
from mathdesign.validators.lists.recheck import verify_list
from tests.places import SHARED

DATA = SHARED / "data/nasbench101_subsets"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="shared/data is not beside the checkout")


def problem(space, objective=None) -> SlotProblem:
    zero = TableSum(0.0, tuple(np.zeros(len(s.options)) for s in space.slots))
    tables = SlotObjective(objective or zero)
    return SlotProblem("cells", space.slots, tables, space.metrics, space.always, space.rules)


def connected(words, vertices: int, most_edges: int) -> bool:
    """By walking the graph: every present vertex is on a path from the input to the output."""
    edges = [
        (i, j) for i, j in itertools.combinations(range(vertices), 2) if words[f"e{i}{j}"] == "1"
    ]
    inner = range(1, vertices - 1)
    present = {v for v in inner if words[f"op{v}"] != ABSENT}
    if present != set(range(1, len(present) + 1)) or len(edges) > most_edges or not edges:
        return False

    def reached(start, follow):
        seen, left = {start}, [start]
        while left:
            at = left.pop()
            new = {b for a, b in follow if a == at} - seen
            seen |= new
            left += new
        return seen

    forward = reached(0, edges)
    backward = reached(vertices - 1, [(b, a) for a, b in edges])
    on_path = forward & backward
    touched = {v for edge in edges for v in edge}
    return touched == on_path == present | {0, vertices - 1}


@pytest.mark.parametrize(("vertices", "most_edges"), [(3, 9), (4, 9), (4, 4)])
def test_the_rows_admit_exactly_the_connected_cells(vertices, most_edges):
    space = nasbench101(vertices, most_edges)
    points = np.array(list(itertools.product(*(range(len(s.options)) for s in space.slots))))
    feasible = problem(space).feasible_rows(points)
    for point, good in zip(points, feasible):
        assert good == connected(space.words(point), vertices, most_edges)
    assert 0 < feasible.sum() < len(points)


@pytest.mark.parametrize("seed", range(15))
def test_branch_and_bound_equals_enumeration_on_five_vertices(seed):
    space = nasbench101(5, 6)
    rng = np.random.default_rng(seed)
    tables = TableSum(0.0, tuple(rng.normal(size=len(s.options)) for s in space.slots))
    posed = problem(space, tables)
    scan = solve(posed, SolveOptions(gap=0.0), "scan")
    branch = solve(posed, SolveOptions(gap=0.0), "branch")
    assert branch.status.value == "optimal"
    assert branch.objective == pytest.approx(scan.objective, abs=1e-9)
    assert connected(space.words(branch.point), 5, 6)


SPEC = """version: 1
space: {family: nasbench101}
objective: {metric: conv3x3}
budgets: {edges: 7}
solve: {gap: 0, time_limit: 60 s}
"""


def test_seven_vertices_solve_to_a_proof():
    design = api.design(loads(SPEC))
    assert design.certificate.status == "optimal"
    assert connected(design.network.options, 7, 7)
    assert design.certificate.objective == 5  # a chain of five needs six edges
    cheap = api.design(loads(SPEC.replace("edges: 7", "edges: 4")))
    assert cheap.certificate.objective == 3 and connected(cheap.network.options, 7, 4)


def test_a_design_that_breaks_a_rule_is_refused():
    space = nasbench101()
    design = api.design(loads(SPEC))
    broken = {**design.network.options, "op1": ABSENT}
    costs = space.costs(space.point(broken))
    with pytest.raises(RecheckError, match="do not go together"):
        verify_list(space.slots, space.metrics, (), broken, costs, space.rules)


def test_a_cell_as_published_becomes_options():
    matrix = [[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    words = words_of(matrix, OPERATIONS[:2])
    on = {name for name, value in words.items() if value == "1"}
    assert on == {"e01", "e02", "e16", "e26"}
    assert [words[f"op{v}"] for v in range(1, 6)] == [*OPERATIONS[:2], ABSENT, ABSENT, ABSENT]
    with pytest.raises(ValueError, match="square"):
        words_of([[0, 1]], [])


@needs_data
def test_every_measured_cell_is_one_of_the_space():
    import pandas as pd

    space = nasbench101()
    posed = problem(space)
    names = {"C1": OPERATIONS[0], "C3": OPERATIONS[1], "MP": OPERATIONS[2]}
    small = pd.read_csv(DATA / "ecnas_4v.csv.gz", dtype={"adjacency": str}).drop_duplicates("hash")
    cells = []
    for row in small.itertuples():
        bits = list(map(int, row.adjacency))
        ops = row.ops.split("-")
        n = len(ops)
        matrix = np.array(bits).reshape(n, n)
        cells.append(words_of(matrix.tolist(), [names[o] for o in ops[1:-1]]))
    points = np.array([space.point(words) for words in cells])
    assert len({tuple(p) for p in points}) == len(small) == 91
    assert posed.feasible_rows(points).all()


def test_random_cells_for_a_search_keep_the_rules():
    from mathdesign.search.loop import SearchOptions, search

    space = nasbench101()
    posed = problem(space)
    found = search(
        posed, space, lambda p: float(sum(p)), SearchOptions(6, start=6), method="random"
    )
    assert len(found) == 6
    assert posed.feasible_rows(np.array([q.point for q in found])).all()
    tight = SlotProblem("t", posed.slots, posed.objective, posed.metrics,
                        (*posed.budgets, Budget("edges", 6)), posed.rules)  # fmt: skip
    assert solve(tight).point is not None
