"""Budgets on devices, alike for every kind: optima by enumeration, laws, words, files, bad input."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import yaml

import mathdesign
from mathdesign.checking import each_check
from mathdesign.devices.header import Header
from mathdesign.devices.operators import is_key, parse_key
from mathdesign.devices.table import write_table
from mathdesign.explain import reaches_of
from mathdesign.kinds import kind_of_spec
from mathdesign.programs.base import LARGEST_METRIC
from mathdesign.report.comparison import comparison
from mathdesign.result import Design
from mathdesign.spec.faults import SpecError
from tests.points import every_point

MODEL = """version: 1
cost_model: latency
device: a board
form: {form}
base: 3 us
operators:
  default: {{overhead: 5 us, rate: 2 G, bandwidth: 8 GB}}
  depthwise: {{overhead: 9 us, rate: 300 M, bandwidth: 8 GB}}
"""
CHAIN = {
    "space": {
        "family": "inverted_residual", "input": {"channels": 1, "size": 8}, "classes": 3,
        "stem": {"width": [8, 16], "stride": 1},
        "stages": [{"stride": 1, "width": [8, 16], "expansion": [1, 2], "depth": [1, 2]},
                   {"stride": 2, "width": [16, 24], "expansion": [2], "kernel_size": [3, 5]}],
    },
    "objective": {"volume": {}},
}  # fmt: skip
MIX = {
    "space": {"family": "decoder_lm", "vocabulary": 50, "context": 16, "stacks": [
        {"width": [16, 32], "heads": [2, 4], "ffn_ratio": [2, 3], "depth": "1..3"}]},
    "objective": {"metric": "volume"},
}  # fmt: skip
LIST = {
    "space": {"family": "slots", "slots": [
        {"name": f"s{i}", "options": ["a", "b", "c"], "costs": {"gain": [1 + i, 7 - i, 4]}}
        for i in range(4)]},
    "objective": {"metric": "gain"},
}  # fmt: skip
SPACES = {"chain": CHAIN, "mix": MIX, "list": LIST}
BLOCKS = {"space": {"family": "fbnet"}, "objective": {"volume": {}}}


def specified(space, **more):
    return mathdesign.load({**space, "solve": {"gap": 0}, **more})


def needed(space) -> list[str]:
    """The keys of everything that the space may be made of, as an empty table is told of it."""
    write_table("one.csv", Header("latency", "us"), {"base": (1, None, None)})
    slots = space["space"].get("slots")
    if slots:
        return [f"{s['name']}:{o}" for s in slots for o in s["options"]]
    from mathdesign.devices import sources

    patch = pytest.MonkeyPatch()
    with patch.context() as changed, pytest.raises(SpecError) as caught:
        changed.setattr(sources, "MOST_LISTED", 10**6)
        mathdesign.problem(specified(space, devices={"latency": {"table": "one.csv"}}))
    words = str(caught.value).replace(";", " ").replace(": not measured", " ").split()
    return [word for word in words if is_key(word)]


def random_table(space, rng, name="random.csv"):
    rows = {key: (int(rng.integers(1, 400)) / 8, None, None) for key in needed(space)}
    rows["base"] = (2.5, None, None)
    write_table(name, Header("latency", "us", "a phone"), rows)
    return {"table": name}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for form in ("additive", "roofline"):
        (tmp_path / f"{form}.yaml").write_text(MODEL.format(form=form))


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("source", ["additive", "roofline", "table"])
def test_the_optimum_is_that_of_enumeration_over_finished_networks(kind, source):
    space = SPACES[kind]
    if (kind, source) in (("list", "additive"), ("list", "roofline")):
        with pytest.raises(SpecError, match="for options that are names alone"):
            mathdesign.problem(specified(space, devices={"latency": {"model": f"{source}.yaml"}}))
        return
    rng = np.random.default_rng(3)
    costs = {"model": f"{source}.yaml"} if source != "table" else random_table(space, rng)
    free = specified(space, devices={"latency": costs})
    posed = kind_of_spec(free).pose(free)
    (device,) = posed.devices
    points = [p for p in every_point(posed.program) if posed.program.feasible(p)]
    assert len(points) > 50
    totals = []
    for point in points:
        network = kind_of_spec(free).network(posed, point)
        if kind == "list":
            rows = device.source.rows
            total = rows["base"].cost + sum(
                rows[f"{s}:{o}"].cost for s, o in network.options.items()
            )
        else:
            total = device.total(kind_of_spec(free).operators(network))
        assert posed.program.costs(point)["latency"] == total
        totals.append(total)
    worth = [posed.program.value(p) for p in points]
    best = []
    for share in (0.02, 0.4, 1):
        limit = sorted(totals)[int(share * (len(totals) - 1))]
        words = {**costs, "max": f"{limit} {'ns' if kind != 'chain' else 'fs'}"}
        design = mathdesign.design(specified(space, budgets={"latency": words}))
        assert design.certificate.status == "optimal"
        allowed = max(w for w, t in zip(worth, totals) if t <= limit)
        assert design.certificate.objective == pytest.approx(allowed, rel=1e-6)
        assert design.metrics["latency"] <= limit
        best.append(design.certificate.objective)
    assert best == sorted(best)  # a looser limit never lowers the optimum
    quick = list(itertools.islice(each_check(design), 3))  # the built module is tested elsewhere
    assert all(check.ok for check in quick) and len(quick) == 3
    assert Design.from_yaml(design.to_yaml()) == design


@pytest.mark.parametrize("kind", ["chain", "mix"])
def test_loosening_one_of_several_limits_never_lowers_the_optimum(kind):
    space = SPACES[kind]
    rng = np.random.default_rng(5)
    table = random_table(space, rng)
    devices = {
        "phone": table, "board": {"model": "roofline.yaml"},
        "energy": {"per_mac": "4.6 pJ", "per_byte": "20 pJ"},
    }  # fmt: skip
    free = specified(space, devices=devices)
    posed = kind_of_spec(free).pose(free)
    reach = {r.metric: r for r in reaches_of(kind_of_spec(free).lifted(posed), list(devices))}
    units = {"phone": "s", "board": "s", "energy": "J"}
    steps = {device.name: device.step for device in posed.devices}

    def best(shares):
        limits = {}
        for name, share in shares.items():
            low, high = reach[name].least, reach[name].greatest
            limits[name] = f"{float((low + share * (high - low)) * steps[name]):.15f} {units[name]}"
        try:
            found = mathdesign.design(specified(space, devices=devices, budgets=limits))
        except mathdesign.Infeasible:
            return -np.inf
        return found.certificate.objective

    for name in devices:
        shares = dict.fromkeys(devices, 0.5)
        found = [best({**shares, name: share}) for share in (0.05, 0.4, 1)]
        assert found == sorted(found), name


def test_words_of_a_budget_are_those_of_a_device():
    words = {"max": "3 ms", "model": "additive.yaml", "margin": "5%"}
    first = specified(CHAIN, budgets={"params": "1M", "latency": words})
    second = specified(CHAIN, budgets={"params": "1M"}, devices={"latency": words})
    third = specified(CHAIN, budgets={"params": "1M", "latency": "3 ms"},
                      devices={"latency": {"model": "additive.yaml", "margin": 0.05}})  # fmt: skip
    assert first == second == third
    assert mathdesign.load(first.to_dict()) == first
    (limit,) = [b for b in mathdesign.problem(first).budgets if b.metric == "latency"]
    assert limit.upper == 3 * 10**12 * 100 // 105


def test_a_file_of_costs_beside_the_file_is_found(tmp_path, monkeypatch):
    folder = tmp_path / "sub"
    folder.mkdir()
    (folder / "m.yaml").write_text(MODEL.format(form="additive"))
    text = {**CHAIN, "budgets": {"latency": {"max": "3 ms", "model": "m.yaml"}}}
    (folder / "spec.yaml").write_text(yaml.safe_dump(text))
    spec = mathdesign.load(folder / "spec.yaml")
    assert spec.devices["latency"].model == "sub/m.yaml"
    monkeypatch.chdir(folder)
    with pytest.raises(SpecError, match="below the working directory"):
        mathdesign.load({**text, "budgets": {"latency": {"model": "../sub/m.yaml"}}})


def test_everything_wrong_with_devices_is_told_at_once():
    Path("broken.csv").write_text(
        "# mathdesign latency table 1\n# unit: ms\noperator,latency\nadd-3x2x2,-1\nx,3\nadd-1x1x1,nan\n"
    )
    text = """space: {family: basic, input: {size: 32}}
devices:
  macs: {model: additive.yaml}
  board: {table: nothere.csv}
  out: {table: ../x.csv}
  rooted: {model: /etc/passwd}
  both: {table: a.csv, model: b.yaml}
  none: {max: 3 ms}
  in: {model: additive.yaml, interpolate: true, max: 3 mJ}
  broken: {table: broken.csv}
  mixed: {per_mac: 3 pJ, per_byte: 3 ns}
  order: {model: additive.yaml, min: 3 ms, max: 2 ms}
  dtyped: {model: additive.yaml, dtype: int8}
  folder: {table: .}
budgets: {board: 5 ms, latency: {max: 25 ms, table: pixel.csv}}
"""
    with pytest.raises(SpecError) as caught:
        mathdesign.loads(text, "s.yaml")
    said = "\n".join(map(str, caught.value.faults))
    for words in (
        "s.yaml:3:3: devices.macs: found 'macs', a metric of the space",
        "s.yaml:4:11: devices.board.table: found nothere.csv: No such file",
        "s.yaml:5:9: devices.out.table: found '../x.csv'",
        "s.yaml:6:12: devices.rooted.model: found '/etc/passwd'",
        "s.yaml:7:3: devices.both: found table and model", "s.yaml:8:3: devices.none: found no costs",
        "devices.in.interpolate: found true", "devices.in.max: found 0.003 J; accepted: a time",
        "devices.broken.table: found broken.csv:4: latency '-1', a negative number",
        "devices.broken.table: found broken.csv:5: the key 'x'",
        "devices.broken.table: found broken.csv:6: latency 'nan', no number (NaN)",
        "devices.mixed: found 0.000000000003 J and", "devices.order: found min 0.003 s above max 0.002 s",
        "devices.dtyped.dtype: found int8", "devices.folder.table: found .: Is a directory",
        "s.yaml:15:46: devices.latency.table: found pixel.csv: No such file",
    ):  # fmt: skip
        assert words in said, words


def test_a_latency_of_blocks_without_a_device():
    """And a wrong name beside it: what is accepted is all that is counted."""
    with pytest.raises(SpecError, match=r"did you mean \{max: \.\.\., table: FILE\}"):
        specified(BLOCKS, budgets={"latency": "25 ms"})
    with pytest.raises(SpecError, match="accepted: macs, params, weight_bytes, activation_bytes"):
        specified(BLOCKS, budgets={"kv_cache_bytes": "10 kB"})


@pytest.mark.parametrize("kind", ["chain", "mix", "blocks"])
def test_a_lower_limit_of_a_peak_is_refused_in_the_same_words(kind):
    with pytest.raises(SpecError, match="found a lower limit; accepted: max alone"):
        specified({**SPACES, "blocks": BLOCKS}[kind], budgets={"activation_bytes": {"min": 1000}})


@pytest.mark.parametrize("kind", SPACES)
def test_a_latency_without_a_device_is_told_what_is_meant(kind):
    with pytest.raises(SpecError, match=r"did you mean \{max: \.\.\., table: FILE\}"):
        specified(SPACES[kind], budgets={"latency": 25})
    with pytest.raises(SpecError, match=r"did you mean \{max: \.\.\., table: FILE\}"):
        specified(SPACES[kind], budgets={"latency": "25 ms"})
    with pytest.raises(SpecError, match=r"did you mean \{max: \.\.\., table: FILE\}"):
        specified(SPACES[kind], budgets={"energy": {"max": "3 mJ"}})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"latency": {"table": "t.csv", "typo": 3}}, "unknown key 'typo'; accepted: table, model"),
        ({"latency": {"table": 3}}, "devices.latency.table"),
        ({"latency": {"model": "additive.yaml", "max": "25 sec"}}, "did you mean 25s"),
        ({"latency": {"model": "additive.yaml", "max": 25}}, "accepted: a time such as 25 ms"),
        ({"latency": {"model": "additive.yaml", "max": -1}}, "devices.latency.max"),
        ({"latency": {"model": "additive.yaml", "margin": "-5%"}}, "a share such as"),
        ({"a-b": {"model": "additive.yaml"}}, "a name of 1 to 32 letters"),
    ],
)
def test_words_that_mean_nothing(words, said):
    with pytest.raises(SpecError) as caught:
        specified(CHAIN, budgets=words)
    assert said in str(caught.value)


def test_a_limit_below_the_fastest_network_is_told_what_is_reachable():
    words = {"max": "1 us", "model": "roofline.yaml"}
    for space in (CHAIN, MIX):
        with pytest.raises(mathdesign.Infeasible) as caught:
            mathdesign.design(specified(space, budgets={"latency": words}))
        said = str(caught.value)
        least = said.partition("least reachable alone ")[2].partition(" ms")[0]
        assert float(least) > 0.001 and f"this works: latency max {least} ms" in said
        again = specified(space, budgets={"latency": {**words, "max": f"{least} ms"}})
        assert mathdesign.design(again).metrics["latency"] > 0


def test_what_no_program_can_hold_is_refused_in_words():
    Path("slow.yaml").write_text(MODEL.format(form="additive").replace("rate: 2 G", "rate: 1"))
    with pytest.raises(SpecError, match=f"latency.*{LARGEST_METRIC:,}|2\\^62"):
        mathdesign.problem(specified(CHAIN, devices={"latency": {"model": "slow.yaml"}}))


def test_a_design_whose_costs_have_changed_does_not_pass():
    words = {"max": "3 ms", "model": "additive.yaml"}
    design = mathdesign.design(specified(MIX, budgets={"latency": words}))
    Path("additive.yaml").write_text(MODEL.format(form="additive") + "factor: 1.25\n")
    failed = [check for check in each_check(design) if not check.ok]
    assert failed and "latency" in failed[0].found
    wrong = design.to_dict()
    wrong["devices"]["latency"]["unit"] = "fortnight"
    with pytest.raises(ValueError, match=r"devices\.latency\.unit"):
        Design.from_dict(wrong)


def test_budgets_by_name_of_a_device_in_a_table_of_rows(tmp_path):
    spec = {**MIX, "devices": {"phone": {"model": "roofline.yaml"}}, "solve": {"gap": 0}}
    limits = ["0.2 ms", "0.5 ms", "5 ms"]
    (tmp_path / "base.yaml").write_text(yaml.safe_dump({**spec, "budgets": {"phone": "1 ms"}}))
    table = mathdesign.design_table(tmp_path / "base.yaml", {"budgets.phone": limits})
    values = [v for v in table["objective"] if v == v]
    assert len(values) >= 2 and values == sorted(values)
    assert list(itertools.islice(table["phone"], 1))


def test_the_resolution_is_a_choice_under_a_latency():
    words = {"latency": {"max": "0.16 ms", "model": "roofline.yaml"}}

    def best(size):
        space = {**CHAIN["space"], "input": {"channels": 1, "size": size}}
        try:
            return mathdesign.design(specified({**CHAIN, "space": space}, budgets=words))
        except mathdesign.Infeasible:
            return None

    alone = [best(size) for size in (8, 12, 16)]
    values = [design.certificate.objective for design in alone if design is not None]
    together = best([8, 12, 16])
    assert together.certificate.objective == max(values) and len(values) < 3
    assert together.figures["devices"]["latency"]["unit"] == "0.000000000001 ms"


def test_costs_between_measured_ones_are_told_with_what_they_lie_between():
    table = random_table(CHAIN, np.random.default_rng(1))
    lines = Path(table["table"]).read_text().splitlines()
    kept = [line for line in lines if not line.startswith("conv-8x8x8-16,")]
    assert len(kept) == len(lines) - 1
    kept += ["conv-8x8x8-12,1,,", "conv-8x8x8-20,2,,"]
    Path("gaps.csv").write_text("\n".join(kept) + "\n")
    with pytest.raises(SpecError, match=r"1 operators of the space .*conv-8x8x8-16: not measured"):
        mathdesign.problem(specified(CHAIN, devices={"latency": {"table": "gaps.csv"}}))
    words = {"table": "gaps.csv", "interpolate": True, "max": "1 s"}
    found = []
    for limit in ("1 s", "0.6 ms", "0.5 ms", "0.4 ms", "0.3 ms"):
        try:
            design = mathdesign.design(
                specified(CHAIN, budgets={"latency": {**words, "max": limit}})
            )
        except mathdesign.Infeasible:
            break
        found.append(design.figures["devices"]["latency"].get("interpolated", {}))
        assert Design.from_yaml(design.to_yaml()) == design
    between = {"conv-8x8x8-16": ["conv-8x8x8-12", "conv-8x8x8-20"]}
    assert all(one in ({}, between) for one in found)
    posed = kind_of_spec(specified(CHAIN, devices={"latency": words})).pose(
        specified(CHAIN, devices={"latency": words})
    )
    (device,) = posed.devices
    made = device.prices([parse_key("conv-8x8x8-16")])
    assert [list(one.between) for one in made.interpolated] == list(between.values())
    assert list(made.costs.values()) == [1_500 * 10**6]  # 1.5 us in femtoseconds


def test_two_designs_side_by_side_are_told_in_milliseconds():
    words = {"model": "roofline.yaml"}
    first, second = (
        mathdesign.design(specified(MIX, budgets={"latency": {**words, "max": limit}}))
        for limit in ("0.25 ms", "3 ms")
    )
    told = {line.what: line for line in comparison(first, second)}
    assert told["latency"].first.endswith(" ms") and told["latency"].second.endswith(" ms")
    assert (told["latency limit"].first, told["latency limit"].second) == ("0.25 ms", "3 ms")
