"""The DARTS cell program equals enumeration, keeps its limits, and beats greed where they bind."""

import itertools

import numpy as np
import pytest

from mathdesign.search.darts import SKIP, Cell, CellError, CellProgram, best_cell, checked

OPS = ("skip_connect", "sep_conv_3x3", "max_pool_3x3")


def program(seed: int, nodes: int = 2, **limits) -> CellProgram:
    rng = np.random.default_rng(seed)
    edges = [(i, j) for j in range(2, 2 + nodes) for i in range(j)]
    scores = {e: tuple(map(float, rng.normal(0.5, 1, len(OPS)))) for e in edges}
    macs = {e: (0, int(rng.integers(50, 200)), int(rng.integers(1, 20))) for e in edges}
    return CellProgram(scores, OPS, nodes, macs=macs, **limits)


def enumerated(p: CellProgram) -> float | None:
    """The best score over every assignment of an operation or nothing to every edge."""
    best = None
    for chosen in itertools.product([None, *p.operations], repeat=len(p.scores)):
        edges = {e: name for e, name in zip(p.scores, chosen) if name is not None}
        try:
            score, _ = checked(p, edges)
        except CellError:
            continue
        best = score if best is None else max(best, score)
    return best


@pytest.mark.parametrize("seed", range(60))
def test_the_program_equals_enumeration(seed):
    rng = np.random.default_rng(1000 + seed)
    limits = {"most_skips": int(rng.integers(0, 3)), "most_macs": int(rng.integers(20, 600))}
    p = program(seed, **limits)
    truth = enumerated(p)
    if truth is None:
        with pytest.raises(CellError, match="no cell"):
            best_cell(p)
        return
    found = best_cell(p)
    assert found.optimal and found.bound >= truth - 1e-9
    assert found.score == pytest.approx(truth, abs=1e-9)
    assert checked(p, found.edges) == (found.score, found.macs)


@pytest.mark.parametrize("fewest", [None, 1])
@pytest.mark.parametrize("seed", range(10))
def test_scores_below_zero_change_no_rule(seed, fewest):
    """Logarithms of probabilities: two inputs a node all the same, unless fewer are asked for."""
    p = program(seed, fewest=fewest)
    below = {e: tuple(s - 9.0 for s in row) for e, row in p.scores.items()}
    p = CellProgram(below, OPS, 2, macs=p.macs, fewest=fewest)
    found = best_cell(p)
    assert len(found.edges) == (4 if fewest is None else 2)
    assert found.score == pytest.approx(enumerated(p), abs=1e-9)


def test_a_cell_of_negative_scores_keeps_the_eight_edges_of_the_rule():
    rng = np.random.default_rng(0)
    edges = [(i, j) for j in range(2, 6) for i in range(j)]
    p = CellProgram({e: tuple(-1 - rng.random(len(OPS))) for e in edges}, OPS)
    found = best_cell(p)
    assert len(found.edges) == 8 and found.optimal
    assert dict(found.edges) == greedy(p)


def test_what_breaks_the_rule_is_no_cell():
    p = program(0)
    edges = {(0, 2): OPS[1], (0, 3): OPS[1]}
    with pytest.raises(CellError, match="node 2 has 1 inputs, accepted: 2 to 2"):
        checked(p, edges)
    for bad in ({"inputs": 0}, {"fewest": 3}, {"fewest": 0}):
        with pytest.raises(CellError, match="1 <= fewest <= inputs"):
            CellProgram(p.scores, OPS, 2, **bad)


def greedy(p: CellProgram) -> dict:
    """DARTS' own reading: the strongest operation on each edge, the two strongest edges a node."""
    best = {e: max(range(len(p.operations)), key=row.__getitem__) for e, row in p.scores.items()}
    edges = {}
    for node in range(2, 2 + p.nodes):
        entering = sorted(
            (e for e in p.scores if e[1] == node), key=lambda e: -p.scores[e][best[e]]
        )
        edges |= {e: p.operations[best[e]] for e in entering[: p.inputs]}
    return edges


@pytest.mark.parametrize("seed", range(20))
def test_without_limits_the_program_is_at_least_as_good_as_greed(seed):
    p = program(seed, nodes=4)
    score, _ = checked(p, greedy(p))
    assert best_cell(p).score >= score - 1e-9


def test_the_skip_cap_holds_where_skips_score_best():
    edges = [(i, j) for j in range(2, 6) for i in range(j)]
    p = CellProgram(dict.fromkeys(edges, (1.0, 0.9, 0.1)), OPS, most_skips=2)
    found: Cell = best_cell(p)
    assert sum(name == SKIP for name in found.edges.values()) == 2
    assert found.score == pytest.approx(2 * 1.0 + 6 * 0.9) and len(found.edges) == 8


def test_looser_limits_never_score_less():
    values = [best_cell(program(3, nodes=3, most_macs=m)).score for m in (60, 120, 240, 480)]
    assert values == sorted(values)


def test_bad_programs_are_named_with_every_fault():
    p = program(0)
    short = {e: row[:2] for e, row in p.scores.items()}
    with pytest.raises(CellError, match=r"2 values, accepted: 3.*needs macs"):
        CellProgram(short, OPS, 2, most_macs=3)
    with pytest.raises(CellError, match="each of the 14 edges"):
        CellProgram(p.scores, OPS, 4)
    with pytest.raises(CellError, match="finite"):
        CellProgram({e: (float("nan"),) * 3 for e in p.scores}, OPS, 2)
