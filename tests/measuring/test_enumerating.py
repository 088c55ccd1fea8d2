"""Every operator of a space, as enumeration of its designs has them; no file is left behind."""

import itertools

import mathdesign
from mathdesign.devices.header import Header
from mathdesign.devices.prices import priced
from mathdesign.devices.table import CostTable, Row
from mathdesign.kinds import kind_of_spec
from mathdesign.measuring.enumerating import everything
from mathdesign.measuring.planning import plan

CHAIN = """\
space:
  family: inverted_residual
  input: {channels: 3, size: 16}
  classes: 10
  stem: {width: [8, 16], kernel_size: 3, stride: 2}
  stages: [{stride: 2, width: [8, 16], expansion: [1, 2], kernel_size: [3, 5], depth: 1..2}]
"""
DECODER = """\
space: {family: decoder_lm, vocabulary: 50, context: 16, stacks: [{width: [32, 64], depth: 1..2, head_size: 16, heads: [1, 2], ffn_ratio: [1, 2]}]}
"""


def every_point(program):
    return filter(program.feasible, itertools.product(*program.decisions.values()))


def test_everything_is_what_the_designs_have(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = mathdesign.loads(CHAIN)
    kind = kind_of_spec(spec)
    posed = kind.pose(spec)
    designs = [kind.network(posed, point) for point in every_point(posed.program)]
    assert len(designs) > 20
    assert set(everything(spec)) == {o for d in designs for o in kind.operators(d)}
    assert list(tmp_path.iterdir()) == []


def test_what_is_planned_tells_the_cost_of_everything():
    """A table of the planned operators alone lacks nothing, with interpolation; without it, it does."""
    wide = CHAIN.replace("width: [8, 16], expansion", "width: 8..256/8, expansion")
    seen = everything(mathdesign.loads(wide))
    chosen = plan(seen)
    assert len(chosen) < len(seen)
    table = CostTable(Header("latency", "us"), {o.key: Row(1 + o.macs) for o in chosen})
    assert priced(table, seen).missing
    prices = priced(table, seen, interpolate=True)
    assert not prices.missing and set(prices.costs) == set(seen)


def test_decoders_and_lists_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from mathdesign.measuring.sampling import across

    for text in (DECODER, "space: {family: fbnet}\nobjective: {metric: macs}\n"):
        spec = mathdesign.loads(text)
        kind = kind_of_spec(spec)
        posed = kind.pose(spec)
        found = set(everything(spec))
        assert all(set(kind.operators(d)) <= found for d in across(kind, posed, 8))


def test_where_it_cannot_be_told_it_is_empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert (
        everything(mathdesign.loads("space: {family: nasbench201}\nobjective: {metric: macs}\n"))
        == ()
    )
