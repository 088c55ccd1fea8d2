"""Specifications that stand for several: the resolution of a chain as a choice."""

import dataclasses
import itertools

import pytest

import mathdesign
from mathdesign.api import Hooks, Infeasible
from mathdesign.checking import each_check
from mathdesign.kinds import kind_of_spec
from mathdesign.programs.union import Union
from mathdesign.result import Design
from mathdesign.spec.faults import SpecError

SIZES = (16, 24, 32)
TEXT = """
name: sizes
space:
  family: {family}
  input: {{channels: 3, size: {size}}}
  classes: 10
  stem: {{width: 8..16/8}}
  stages:
    - {{stride: 2, width: 8..24/8, kernel_size: 3, depth: 1..2{more}}}
    - {{stride: 2, width: 16..32/8, kernel_size: 3, depth: 1..3{more}}}
objective: {objective}
budgets: {{{budgets}}}
solve: {{gap: 0, backend: {backend}}}
"""
OBJECTIVES = ("{volume: {}}", "{entropy: {depth_penalty: 1}}", "{metric: params}")


def spec(size="[16, 24, 32]", objective="{volume: {}}", budgets="macs: 600k", backend="auto",
         family="basic", more=""):  # fmt: skip
    words = {"size": size, "objective": objective, "budgets": budgets, "backend": backend}
    return mathdesign.loads(TEXT.format(**words, family=family, more=more))


def best_alone(**words) -> Design:
    """The best of the designs of each size by itself, the smallest of equals."""
    found = []
    for size in SIZES:
        try:
            found.append(mathdesign.design(spec(size=size, **words)))
        except Infeasible:
            continue
    return max(found, key=lambda design: design.certificate.objective)


@pytest.mark.parametrize("backend", ["auto", "exact", "highs"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_best_over_sizes_is_the_best_of_each_size(objective, backend):
    alone = best_alone(objective=objective, backend="brute")
    both = mathdesign.design(spec(objective=objective, backend=backend))
    assert both.certificate.objective == pytest.approx(alone.certificate.objective, rel=1e-9)
    assert both.certificate.proven and both.certificate.status == "optimal"
    assert both.network.input_size == alone.network.input_size
    assert both.metrics["macs"] <= 600_000


def test_a_lower_limit_can_ask_for_the_large_sizes():
    """1.9 M multiply-adds in 6,000 weights: only a large input has so many."""
    words = {"objective": "{volume: {}}", "budgets": "macs: {min: 1.2M, max: 2M}, params: 9k"}
    design, alone = mathdesign.design(spec(**words)), best_alone(**words)
    assert design.network.input_size == alone.network.input_size == 32
    assert design.metrics == alone.metrics


def test_one_size_is_no_union_and_its_request_stays_as_it_was():
    one, listed = spec(size="24"), spec(size="[24]")
    assert one.content_hash() == listed.content_hash()
    assert one.to_dict()["space"]["input"] == {"channels": 3, "size": 24}
    assert one.space.input.size == 24
    assert mathdesign.problem(one).form == "chain"
    assert spec(size="16..32/8").to_dict()["space"]["input"]["size"] == "16..32/8"
    with pytest.raises(ValueError):
        _ = spec().space.input.size


def test_the_program_is_a_union_with_the_resolution_as_a_decision():
    program = mathdesign.problem(spec())
    assert isinstance(program, Union)
    assert program.decisions["resolution"] == SIZES
    assert program.size == sum(mathdesign.problem(spec(size=n)).size for n in SIZES)
    assert "3 choices of resolution" in program.extent
    pinned = program.pinned({"resolution": 24, "stage1.width": 16})
    assert pinned.decisions["resolution"] == (24,)
    with pytest.raises(ValueError, match="resolution: found 25, accepted: 16, 24, 32"):
        program.pinned({"resolution": 25})


def test_a_design_is_saved_loaded_rechecked_and_built_at_its_size(tmp_path):
    torch = pytest.importorskip("torch")
    design = mathdesign.design(spec(objective="{entropy: {}}"))
    size = design.network.input_size
    loaded = Design.load(design.save(tmp_path / "design.yaml"))
    assert loaded == design and loaded.network.input_size == size
    found = list(
        itertools.islice(each_check(loaded), 4)
    )  # the module itself is its family's affair
    assert all(check.ok for check in found) and found[-1].check == "torch flop counter"
    assert loaded.kind.images(loaded.network).size == size
    assert f"{size}" in loaded.source()
    with torch.no_grad():
        assert loaded.build().eval()(torch.zeros(1, 3, size, size)).shape == (1, 10)


def test_a_network_of_another_size_is_found_out():
    design = mathdesign.design(spec())
    other = mathdesign.design(spec(size=64, budgets="macs: 60M"))
    forged = dataclasses.replace(design, network=other.network)
    found = {check.check: check for check in each_check(forged)}
    assert not found["space"].ok and "resolution 64" in found["space"].found


def test_infeasible_tells_what_any_size_reaches():
    with pytest.raises(Infeasible) as caught:
        mathdesign.design(spec(budgets="macs: 1k"))
    reach = caught.value.explanation.budgets[0]
    least = min(mathdesign.problem(spec(size=n)).reach("macs").value for n in SIZES)
    assert reach.alone == reach.together == least
    cured = spec(budgets=f"macs: {least}")
    assert mathdesign.design(cured).metrics["macs"] == least


def test_a_fault_of_one_size_is_told_once_with_its_place():
    with pytest.raises(SpecError) as caught:
        spec(size="[1, 2, 16]")
    assert [fault.path for fault in caught.value.faults] == ["space.stages[0].stride",
                                                             "space.stages[1].stride"]  # fmt: skip
    with pytest.raises(SpecError, match=r"space\.input\.size: found '16\.\.9000/8'.*8192"):
        spec(size="16..9000/8")
    with pytest.raises(
        SpecError, match=r"space\.input\.size: found 0; accepted: greater than or equal to 1"
    ):
        spec(size="0")


def test_a_design_of_a_neighbour_is_a_start():
    design = mathdesign.design(spec())
    posed = kind_of_spec(spec()).pose(spec())
    start = kind_of_spec(spec()).starting_point(posed, design.network)
    assert start[0] == SIZES.index(design.network.input_size)
    assert posed.program.feasible(start)
    again = mathdesign.design(spec(), Hooks(near=design.network))
    assert again.to_yaml() == design.to_yaml()
    assert kind_of_spec(spec()).starting_point(posed, object()) is None


def test_a_looser_budget_is_never_worse():
    objectives = [
        mathdesign.design(
            spec(objective="{entropy: {}}", budgets=f"macs: {n}k")
        ).certificate.objective
        for n in (250, 300, 600, 1200)
    ]
    assert objectives == sorted(objectives)


def test_backends_by_name_and_who_is_told_of_the_choice():
    told = []
    mathdesign.design(
        spec(backend="members:exact"), Hooks(on_choice=lambda program, choice: told.append(choice))
    )
    assert told[0].backend.name == "members:exact"
    design = mathdesign.design(spec(backend="exact"))
    assert design.certificate.backend == "members:exact"
    with pytest.raises(SpecError, match=r"accepted: auto.*members:NAME.*did you mean members"):
        spec(backend="menbers")
    with pytest.raises(SpecError, match="found 'members'"):
        spec(size="16", backend="members")


@pytest.mark.parametrize(
    ("family", "more"),
    [("bottleneck", ", bottleneck: 8"), ("inverted_residual", ", expansion: [2, 3]"),
     ("regnet", ", group_width: 8"), ("convnext", ", bottleneck: 32")],
)  # fmt: skip
def test_every_family_of_chains_has_it(family, more):
    words = {"family": family, "more": more, "budgets": "macs: 900k"}
    both, alone = mathdesign.design(spec(**words)), best_alone(**words)
    assert both.certificate.objective == pytest.approx(alone.certificate.objective, rel=1e-9)
    assert both.metrics["macs"] <= 900_000


DEVICE = "latency: {{max: {latency} us, overhead: 1 us, per_mac: 1 ns}}, activation_bytes: {bytes}"


def test_budgets_of_devices_hold_in_every_member_and_looser_is_never_worse():
    objective, found = "{volume: {resolution: 3}}", []
    for latency, most in ((500, 60_000), (900, 60_000), (900, 120_000), (2000, 120_000)):
        budgets = DEVICE.format(latency=latency, bytes=most)
        design = mathdesign.design(spec(objective=objective, budgets=budgets))
        alone = best_alone(objective=objective, budgets=budgets)
        assert design.certificate.objective == pytest.approx(alone.certificate.objective, rel=1e-9)
        assert all(use.slack >= 0 for use in design.budgets) and len(design.budgets) == 2
        found.append(design.certificate.objective)
    assert found == sorted(found) and found[-1] > found[0]


def test_a_weight_makes_larger_inputs_worth_their_cost():
    """Without one the default objective takes the smallest input there is."""
    sizes = [
        mathdesign.design(spec(objective=f"{{volume: {{resolution: {w}}}}}")).network.input_size
        for w in (0, 3, 40)
    ]
    assert sizes == sorted(sizes) and sizes[0] == 16 and sizes[-1] > 16
    assert mathdesign.design(spec()).network.input_size == 16


def test_a_table_of_one_size_is_no_table_of_several():
    from mathdesign.programs.slot_space import TableError

    kind = kind_of_spec(spec())
    with pytest.raises(TableError, match="a choice of resolution; accepted: one value"):
        kind.row_points(kind.pose(spec()), {"stages[0].depth": [(1,)]})
    assert kind.parts(kind.pose(spec()), None) == {}
