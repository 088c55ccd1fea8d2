"""Option lists within latencies of tables keyed ``slot:option``: exact, and FBNet's on real devices."""

import functools
import itertools

import numpy as np
import pytest

import mathdesign
from mathdesign.checking import checks
from mathdesign.devices.header import Header
from mathdesign.devices.operators import is_key
from mathdesign.devices.table import write_table
from mathdesign.kinds import kind_of_spec
from mathdesign.report.rows import budget_table, figure_rows
from mathdesign.result import Design
from mathdesign.spec.faults import SpecError
from tests.additive import fbnet, places
from tests.places import SHARED

FBNET = SHARED / "data" / "fbnet_ofa_latency" / "fbnet_latency.csv.gz"


def table(path, costs, base=0, unit="us", device="board"):
    """``costs[slot][option]`` in the unit."""
    rows = {"base": (base, None, None)} if base else {}
    rows |= {f"{s}:{o}": (c, None, None) for s, own in costs.items() for o, c in own.items()}
    return write_table(path, Header("latency", unit, device), rows)


def words(gains, **budgets):
    slots = [{"name": s, "options": list(own), "costs": {"gain": list(own.values())}}
             for s, own in gains.items()]  # fmt: skip
    return {"space": {"family": "slots", "slots": slots}, "objective": {"metric": "gain"},
            "budgets": budgets, "solve": {"gap": 0}}  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_the_optimum_is_that_of_enumeration(tmp_path, monkeypatch, seed):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(seed)
    names = [f"s{i}" for i in range(4)]
    gains = {s: {f"o{k}": int(rng.integers(1, 50)) for k in range(3)} for s in names}
    costs = [{s: {o: int(rng.integers(1, 90)) for o in gains[s]} for s in names} for _ in range(2)]
    for i, own in enumerate(costs):
        table(tmp_path / f"{i}.csv", own, base=5 * i)
    points = list(itertools.product(*(gains[s] for s in names)))
    sums = [[5 * i + sum(own[s][o] for s, o in zip(names, p)) for p in points]
            for i, own in enumerate(costs)]  # fmt: skip
    limits = [int(np.quantile(own, 0.4)) for own in sums]
    worth = [sum(gains[s][o] for s, o in zip(names, p)) for p in points]
    allowed = [w for w, a, b in zip(worth, *sums) if a <= limits[0] and b <= limits[1]]
    given = words(gains, phone={"max": f"{limits[0]} us", "table": "0.csv"},
                  board={"max": f"{limits[1]} us", "table": "1.csv"})  # fmt: skip
    spec = mathdesign.load(given)
    if not allowed:
        with pytest.raises(mathdesign.Infeasible):
            mathdesign.design(spec)
        return
    design = mathdesign.design(spec)
    assert design.certificate.objective == max(allowed)
    at = points.index(tuple(design.network.options.values()))
    assert [design.metrics["phone"], design.metrics["board"]] == [1000 * own[at] for own in sums]
    assert Design.from_yaml(design.to_yaml()) == design
    assert all(check.ok for check in checks(design))


def test_a_design_tells_milliseconds_and_shares(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gains = {"a": {"x": 3, "y": 1}, "b": {"x": 1, "y": 2}}
    table(tmp_path / "t.csv", {"a": {"x": 1500, "y": 20}, "b": {"x": 7, "y": 0.5}}, base=0.25)
    given = words(gains, latency={"max": "1.6 ms", "table": "t.csv", "margin": "5%"})
    design = mathdesign.design(mathdesign.load(given))
    rows = dict(figure_rows(design))
    assert rows["latency"] == "1.50075 ms"
    assert rows["latency by"].startswith("a 100.0%, b 0.0%, base 0.0% (board, float32; limit less")
    # 1.6 ms / 1.05, rounded down to a nanosecond
    assert budget_table(design)[1][0][1:3] == ("1.50075 ms", "<= 1.523809 ms")
    given["budgets"]["latency"]["max"] = "1.57 ms"
    assert mathdesign.design(mathdesign.load(given)).network.options["a"] == "y"
    given["budgets"]["latency"]["max"] = "20 us"
    with pytest.raises(
        mathdesign.Infeasible, match=r"least reachable alone 0\.02075 ms"
    ) as refused:
        mathdesign.design(mathdesign.load(given))
    assert "this works: latency max 0.02075 ms" in str(refused.value)


def test_options_without_a_cost_are_all_told_before_solving(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gains = {"a": {"x": 3, "y": 1, "z": 1}, "b": {"x": 1, "y": 2}}
    table(tmp_path / "t.csv", {"a": {"x": 1}, "b": {"y": 1}})
    given = words(gains, latency={"table": "t.csv"})
    with pytest.raises(SpecError, match=r"3 options of the space .* a:y: not measured; a:z.*; b:x"):
        mathdesign.problem(mathdesign.load(given))
    given["space"]["without"] = {"a": ["y", "z"], "b": ["x"]}
    assert mathdesign.design(mathdesign.load(given)).metrics["latency"] == 2000


@functools.cache
def one_device(name):
    """FBNet within the median of one device: a fit of 2,500 rows."""
    return fbnet(FBNET, (name,))


@pytest.mark.skipif(not FBNET.is_file(), reason="no table of FBNet's latencies here")
@pytest.mark.parametrize(
    ("devices", "macs"),
    [
        (("pixel3",), 320_231_552),
        (("raspi4",), 340_392_112),
        (("pixel3", "raspi4"), 319_802_312),
        (("pixel3", "raspi4", "eyeriss"), 316_923_464),
    ],
)
def test_fbnet_within_the_medians_of_real_devices(tmp_path, monkeypatch, devices, macs):
    monkeypatch.chdir(tmp_path)
    program = one_device(devices[0])
    limits = {name: one_device(name).budgets[-1].upper for name in devices}
    slots = []
    for i, (slot, own) in enumerate(zip(program.slots, program.metrics["macs"].unary)):
        around = program.metrics["macs"].constant if i == 0 else 0
        slots.append({"name": slot.name, "options": list(slot.options),
                      "costs": {"macs": (own + around).tolist()}})  # fmt: skip
    budgets = {}
    for name in devices:
        sums = one_device(name).metrics[name]
        least = [int(t.min()) for t in sums.unary]
        costs = {s.name: dict(zip(s.options, (t - low).tolist()))
                 for s, t, low in zip(program.slots, sums.unary, least)}  # fmt: skip
        table(tmp_path / f"{name}.csv", costs, sums.constant + sum(least), "ns", name)
        budgets[name] = {"max": f"{limits[name]} ns", "table": f"{name}.csv"}
    skips = [(cin, stride) == (out, 1) for cin, out, stride, _ in places()]
    kept = {s.name: ["8"] for s, skip in zip(program.slots, skips) if not skip}
    given = {"space": {"family": "slots", "slots": slots, "without": kept},
             "objective": {"metric": "macs"}, "budgets": budgets, "solve": {"gap": 0}}  # fmt: skip
    design = mathdesign.design(mathdesign.load(given))
    assert design.metrics["macs"] == macs and design.certificate.status == "optimal"


MODEL = """version: 1
cost_model: latency
form: roofline
base: 3 us
operators:
  default: {overhead: 5 us, rate: 2 G, bandwidth: 8 GB}
  depthwise: {overhead: 9 us, rate: 300 M, bandwidth: 8 GB}
"""
LAYERED = {
    "family": "layers", "input": {"channels": 2, "length": 20}, "classes": 3,
    "stem": [{"block": "conv", "width": 8}],
    "slots": [
        {"name": "a", "width": 8, "options": [{"block": "inverted_residual", "expansion": e} for e in (1, 2)]},
        {"name": "b", "stride": 2, "options": [{"block": "conv", "width": w} for w in (8, 16)]},
        {"name": "c", "width": 16, "options": [{"block": "inverted_residual", "expansion": e} for e in (1, 3)]},
    ],
    "tail": [{"block": "classifier"}],
}  # fmt: skip
SMALL = {"size": 32}


@pytest.mark.parametrize(
    "space",
    [{"family": f, "input": SMALL} for f in ("fbnet", "proxylessnas")] + [LAYERED],
    ids=lambda space: space["family"],
)
def test_the_metric_of_blocks_is_the_sum_over_operators_of_the_network(
    tmp_path, monkeypatch, space
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(MODEL)
    given = {
        "space": space,
        "objective": {"metric": "macs"},
        "devices": {"latency": {"model": "m.yaml"}},
    }
    spec = mathdesign.load(given)
    kind = kind_of_spec(spec)
    posed = kind.pose(spec)
    (device,) = posed.devices
    rng = np.random.default_rng(1)
    for _ in range(12):
        point = [int(rng.integers(len(slot.options))) for slot in posed.program.slots]
        network = kind.network(posed, point)
        costs, executed = posed.program.costs(point), kind.operators(network)
        assert costs["latency"] == device.total(executed)
        assert costs["macs"] == sum(op.macs for op in executed)


def test_an_operator_table_costs_blocks_and_lacks_nothing_that_is_never_taken(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path / "t.csv", Header("latency", "us"), {"add-1x1x1": (1, None, None)})
    given = {
        "space": LAYERED,
        "objective": {"metric": "macs"},
        "budgets": {"latency": {"table": "t.csv"}},
    }
    with pytest.raises(SpecError, match="operators of the space without a cost") as caught:
        mathdesign.problem(mathdesign.load(given))
    assert "conv-2x1x20-8" in str(caught.value)

    def needed(without):
        monkeypatch.setattr("mathdesign.devices.sources.MOST_LISTED", 10**6)
        words = {**given, "space": {**LAYERED, "without": without}}
        with pytest.raises(SpecError) as caught:
            mathdesign.problem(mathdesign.load(words))
        return [
            w for w in str(caught.value).replace(":", " ").replace(";", " ").split() if is_key(w)
        ]

    every, fewer = needed({}), needed({"b": [mathdesign.problem(mathdesign.load(
        {"space": LAYERED, "objective": {"metric": "macs"}})).slots[1].options[1]]})  # fmt: skip
    assert set(fewer) < set(every)
    rows = {key: (i + 1, None, None) for i, key in enumerate(every)}
    write_table(tmp_path / "t.csv", Header("latency", "us"), rows)
    given["budgets"]["latency"]["max"] = "1 s"
    design = mathdesign.design(mathdesign.load(given))
    assert design.metrics["latency"] == 1000 * sum(rows[op.key][0] for op in design.operators())
    assert sum(design.figures["devices"]["latency"]["shares"].values()) == pytest.approx(
        1, abs=1e-3
    )
