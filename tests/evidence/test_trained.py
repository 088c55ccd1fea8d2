"""Rows of a table are scored by the program that would design them; faults are told all at once."""

import json
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from mathdesign.cli.main import app
from mathdesign.evidence import ranks
from mathdesign.evidence.description import described, read_description, validated_description
from mathdesign.evidence.matrix import RANDOM, cases, matrix, missed, picks
from mathdesign.evidence.rows import read_networks
from mathdesign.evidence.trained import parts_of, read_trained, specification_of
from mathdesign.kinds.load import load, loads
from mathdesign.spaces.convnet.pose import to_program
from mathdesign.spaces.transformer.entropy import entropy
from mathdesign.spaces.transformer.network import Transformer
from mathdesign.spaces.transformer.shape import Layer, Stack, Style
from mathdesign.spec.document import Document, parse
from mathdesign.spec.faults import SpecError
from mathdesign.surrogate.reading import read_frame
from tests.places import ROOT, SHARED

CHAIN = """
version: 1
name: chain
table: t.csv
targets: {acc: {unit: points}}
budgets:
  params: {metric: params}
  speed: {column: speed, keep: at_least}
space:
  family: inverted_residual
  input: {channels: 3, size: 32}
  classes: 10
  stem: {width: 16}
  stages:
    - {stride: 2, width: 24}
    - {stride: 2}
rows:
  stages[0].depth: d1
  stages[0].expansion: e1
  stages[0].squeeze_excitation: se
  stages[1].depth: d2
  stages[1].width: w2
  stages[1].expansion: e2
objectives:
  blocks: {metric_weights: {blocks: 1}}
  speed: {column: speed, better: low}
"""


def told(text: str = CHAIN):
    document = parse(text, "d.yaml")
    return validated_description(document), document


def frame(count: int = 24) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows = {
        "d1": rng.integers(1, 4, count), "e1": rng.choice([3, 4, 6], count),
        "se": rng.integers(0, 2, count).astype(bool), "d2": rng.integers(1, 4, count),
        "w2": rng.choice([32, 40], count), "e2": rng.choice([1, 2.5], count),
        "speed": rng.random(count), "acc": 70 + rng.random(count),
    }  # fmt: skip
    return pd.DataFrame(rows)


def alone(row, objective):
    """The program of one row, posed by itself, and its only point."""
    spec = {
        "space": {
            "family": "inverted_residual", "input": {"channels": 3, "size": 32}, "classes": 10,
            "stem": {"width": 16},
            "stages": [
                {"stride": 2, "width": 24, "depth": int(row.d1), "expansion": float(row.e1),
                 "squeeze_excitation": bool(row.se)},
                {"stride": 2, "width": int(row.w2), "depth": int(row.d2), "expansion": float(row.e2)},
            ],
        },
        "objective": objective,
    }  # fmt: skip
    program = to_program(load(spec)).program
    return program, [values[0] for values in program.decisions.values()]


def test_each_row_has_the_value_and_the_cost_of_its_own_program():
    table = frame()
    trained = read_trained(*told(), table)
    unique = table.drop_duplicates(["d1", "e1", "se", "d2", "w2", "e2"])
    assert len(trained.labels["acc"]) == len(unique) > 15 and trained.programs == 2
    objectives = {
        "volume": {"volume": {}},
        "deepmad (paper)": {"entropy": {"variant": "paper"}},
        "blocks": {"metric_weights": {"blocks": 1}},
    }
    for label, words in objectives.items():
        for found, row in zip(trained.scores[label], unique.itertuples()):
            program, point = alone(row, words)
            assert found == pytest.approx(program.value(point), rel=1e-12)
    for found, row in zip(trained.costs["params"], unique.itertuples()):
        program, point = alone(row, {"metric": "params"})
        assert found == program.costs(point)["params"]


def test_stages_of_unlike_blocks_have_the_entropy_of_a_stage_a_block():
    text = CHAIN.replace("e1\n", "[a, b, c]\n").replace("  params: {metric: params}\n", "")
    row = {"d1": 3, "a": 3, "b": 6, "c": 4, "se": 0, "d2": 2, "w2": 32, "e2": 2.5}
    rows = [{**row, "speed": 1, "acc": 1 + i, "d1": 3 - i} for i in range(3)]
    trained = read_trained(*told(text), pd.DataFrame(rows))
    stages = [{"stride": 2 - (i > 0), "width": 24, "expansion": e} for i, e in enumerate((3, 6, 4))]
    stages.append({"stride": 2, "width": 32, "depth": 2, "expansion": 2.5})
    spec = {
        "space": {"family": "inverted_residual", "input": {"channels": 3, "size": 32},
                  "classes": 10, "stem": {"width": 16}, "stages": stages},
        "objective": {"entropy": {"variant": "mae_det"}},
    }  # fmt: skip
    program = to_program(load(spec)).program
    point = [values[0] for values in program.decisions.values()]
    assert trained.scores["mae-det"][0] == pytest.approx(program.value(point), rel=1e-12)
    # ln of the geometric mean of the blocks' inner widths: what a mean of chains is.
    inner = [np.log(np.prod([72, 144, 96][:d])) / d for d in (3, 2, 1)]
    second = trained.scores["volume"] - np.array(
        [(x - np.log(1 / d + 8 / 24)) / 2 for d, x in zip((3, 2, 1), inner)]
    )
    assert np.ptp(second) < 1e-12


def test_layers_of_a_transformer_are_read_one_by_one():
    document = Document("d.yaml", {
        "version": 1, "name": "lm", "targets": {"loss": {"better": "low"}},
        "budgets": {"params": {"metric": "params"}},
        "space": {"family": "decoder_lm", "vocabulary": 256, "context": 64, "norm": "layer",
                  "stacks": [{"head_size": 16, "gated": True}]},
        "rows": {"bias": "bias", "stacks[0].width": "d", "stacks[0].depth": "n",
                 "stacks[0].heads": "h", "stacks[0].ffn_ratio": "r"},
    })  # fmt: skip
    rows = [
        {"bias": b, "d": d, "n": n, "h": h, "r": r, "loss": 3 + d / 100}
        for b, d, n, h, r in [(1, 32, 2, "1 2", "2 4"), (0, 64, 3, "4 1 2", "3 2 2.5"), (0, 64, 2, "4 2", "2 2")]
    ]  # fmt: skip
    spec = validated_description(document)
    trained = read_trained(spec, document, pd.DataFrame(rows))
    assert trained.programs == 2
    for i, row in enumerate(rows):
        parts = zip(map(int, row["h"].split()), row["r"].split())
        layers = tuple(Layer(h, h, 16, int(row["d"] * Fraction(r)), True) for h, r in parts)
        style = Style("layer", bias=bool(row["bias"]))
        net = Transformer("x", "decoder_lm", (Stack(row["d"], layers),), 256, 64, style=style)
        assert trained.scores["entropy"][i] == pytest.approx(entropy(net), rel=1e-12)
        assert trained.costs["params"][i] == net.params()
    assert list(trained.labels["loss"]) == [-3.32, -3.64, -3.64]  # less is better


def test_doubles_are_averaged_and_an_empty_budget_leaves_only_that_budget():
    table = pd.concat([frame(), frame().assign(acc=60.0)], ignore_index=True).astype(object)
    table.loc[[0, 24], "speed"] = ""
    text = CHAIN.replace("  speed: {column: speed, better: low}\n", "")
    trained = read_trained(*told(text), table)
    assert len(trained.labels["acc"]) < trained.rows == 48
    assert trained.labels["acc"].max() < 66 and np.isnan(trained.costs["speed"]).sum() == 1
    spec, _ = told(text)
    by_params, by_speed = cases(spec, trained, 0.1, 0.9, 3)
    assert by_params.kept[-1][np.isnan(trained.costs["speed"])].shape == (1,)
    assert not any(kept[np.isnan(trained.costs["speed"])].any() for kept in by_speed.kept)


def test_only_rows_that_say_so():
    table = pd.concat([frame().assign(epochs=90), frame().assign(epochs=10, acc=1.0)])
    found = read_trained(*told(CHAIN + "where: {epochs: 90}\n"), table)
    assert found.rows == 24 and found.labels["acc"].min() > 60
    assert any("where: found 0 rows" in f for f in faults_of(CHAIN + "where: {epochs: 7}\n", table))


def test_cells_may_stand_for_something():
    plain = frame()
    coded = plain.assign(
        se=plain.se.map({True: "yes", False: "no"}), w2=plain.w2.map({32: "a", 40: "b"})
    )
    text = CHAIN + 'values: {se: {"yes": true, "no": false}, w2: {a: 32, b: 40}}\n'
    expected, found = read_trained(*told(), plain), read_trained(*told(text), coded)
    assert all((found.scores[k] == v).all() for k, v in expected.scores.items())
    wrong = faults_of(text.replace("b: 40", "c: 40").replace('"no"', '"non"'), coded)
    assert len(wrong) == 2 and "accepted: a, c" in wrong[1] and "'no'" in wrong[0]


def test_regret_ties_windows_and_the_random_network():
    spec, _ = told()
    trained = read_trained(*told(), frame())
    labels = np.array([1.0, 4.0, 2.0, 3.0])
    costs = np.array([1.0, 2.0, 3.0, 4.0])
    small = type(trained)("x", {"acc": labels}, {"params": costs, "speed": costs},
                          {"good": labels, "tie": np.array([0, 1, 1, 0.0])}, costs[:, None], 4, 1)  # fmt: skip
    budget = spec.budgets["params"].model_copy(update={"windows": ((2.0, 3.0), (4.0, 9.0), (8, 9))})
    spec = spec.model_copy(update={"budgets": {"params": budget, "speed": spec.budgets["speed"]}})
    windows, fast = cases(spec, small, 0.0, 1.0, 2)
    assert [list(np.flatnonzero(k)) for k in windows.kept] == [[1, 2], [3]]  # no empty budget
    assert [list(np.flatnonzero(k)) for k in fast.kept] == [[3], [0, 1, 2, 3]]  # at least
    assert list(picks(small.scores["tie"], windows.kept[0])) == [1, 2]
    assert missed(small.scores["tie"], labels, windows) == (1.0, 0.0)
    rows = {r.objective: r for r in matrix(small, "acc", [windows, fast], intervals=False)}
    assert rows["good"].raw == {"params": 0.0, "speed": 0.0}
    assert rows[RANDOM].missed["speed"] == (0.0, 1.5)
    assert rows["tie"].denoised == {"params": None, "speed": None}


def faults_of(text: str, table: pd.DataFrame) -> list[str]:
    with pytest.raises(SpecError) as caught:
        read_trained(*told(text), table)
    return [str(fault) for fault in caught.value.faults]


def test_every_missing_column_is_told_with_its_place_and_what_was_meant():
    wrong = CHAIN.replace("column: speed, keep", "column: sped, keep").replace(": d2", ": D2")
    found = faults_of(wrong.replace("{acc: {", "{accuracy: {column: ac, "), frame())
    assert len(found) == 3 and all(f.startswith("d.yaml:") for f in found)
    for word in ("'sped'", "did you mean speed?", "'D2'", "'ac'"):
        assert any(word in f for f in found), word


def test_faults_of_the_description_are_told_at_once():
    wrong = CHAIN.replace("{metric: params}", "{metric: params, column: x}")
    wrong = wrong.replace("keep: at_least", "windows: [[2, 1]]").replace(
        "stages[0].depth:", "stages[0.depth:"
    )
    wrong = wrong.replace("{column: speed, better: low}", "{column: speed, metric: blocks}")
    with pytest.raises(SpecError) as caught:
        told(wrong)
    assert len(caught.value.faults) == 4
    with pytest.raises(SpecError) as caught:
        told("version: 2\nname: a b\ntargets: {}\nspaces: {}\nbudgets: {a: {keep: most}}\n")
    assert len(caught.value.faults) == 6


@pytest.mark.parametrize(
    "words, column, value, said",
    [
        ("acc", "acc", "high", "row 1, acc: found 'high'"),
        ("kernel", "d1", 0, "stages[0].depth"),
        ("ratio", "e1", -1, "stages[0].expansion"),
        ("half a block", "d1", 1.5, "stages[0].depth"),
        ("nothing", "d1", "", "row 1: an empty cell"),
        ("blanks", "e1", "  ", "row 1: an empty cell"),
        ("no number", "d1", "nan", "stages[0].depth"),
        ("beyond doubles", "d1", "1e999", "stages[0].depth"),
        ("huge", "w2", "1e300", "stages[1].width"),
        ("a word", "se", "perhaps", "stages[0].squeeze_excitation"),
    ],
)
def test_a_wrong_cell_is_told(words, column, value, said):
    table = frame().astype(object)
    table.loc[0, column] = value
    assert any(said in fault for fault in faults_of(CHAIN, table)), words


@pytest.mark.parametrize("place", ["/etc/passwd", "../t.csv", "a/../../t.csv"])
def test_a_description_names_no_file_outside_its_folder(place):
    with pytest.raises(SpecError, match="a file beside the description"):
        told(CHAIN.replace("table: t.csv", f"table: {place}"))


def test_other_files_are_recognised():
    with pytest.raises(SpecError, match="a specification, which"):
        told("space: {family: basic}\nbudgets: {macs: 1M}\n")
    with pytest.raises(
        SpecError, match=r"a description of a table, which `mathdesign evidence` reads"
    ):
        loads(CHAIN)


def test_what_is_no_place_and_what_no_metric_is_told():
    assert any(
        "stages[7].depth" in f
        for f in faults_of(CHAIN.replace("stages[1].depth", "stages[7].depth"), frame())
    )
    assert any(
        "did you mean params?" in f
        for f in faults_of(CHAIN.replace("metric: params", "metric: parms"), frame())
    )
    assert any("3" in f for f in faults_of(CHAIN, frame().head(2)))
    too_few = CHAIN.replace(": e1", ": [e1, e2]")
    assert any("2 blocks listed of 3" in f for f in faults_of(too_few, frame()))
    unlike = frame().assign(d1=2)
    assert any("unlike blocks" in f for f in faults_of(too_few, unlike))


def test_from_the_command_line(tmp_path, monkeypatch):
    monkeypatch.setattr(ranks, "RESAMPLES", 3)
    (tmp_path / "d.yaml").write_text(CHAIN)
    frame().to_csv(tmp_path / "t.csv", index=False)
    run = CliRunner().invoke
    words = ["evidence", str(tmp_path / "d.yaml"), "--quantiles", "3"]
    result = run(app, [*words, "--out", str(tmp_path / "o")], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert "deepmad (paper)" in result.output and "volume" in result.output
    found = json.loads((tmp_path / "o/evidence.json").read_text())
    assert found["targets"]["acc"][0]["objective"] == "volume"
    assert (tmp_path / "o/regret-acc.png").stat().st_size > 1000
    first = (tmp_path / "o/evidence.json").read_bytes()
    assert run(app, [*words, "--out", str(tmp_path / "p"), "--quiet"]).exit_code == 0
    assert (tmp_path / "p/evidence.json").read_bytes() == first
    assert run(app, [*words, "--budget", "speed=20%..80%", "--target", "acc"]).exit_code == 0
    for bad in (
        ["--target", "x", "--budget", "y"],
        ["--budget", "speed=90%..10%"],
        ["--space", "nats_size"],
    ):
        assert run(app, [*words, *bad]).exit_code == 2
    several = run(app, [*words, "--target", "x", "--budget", "y"]).output
    assert "--target x" in several and "--budget y" in several
    assert run(app, ["evidence"]).exit_code == 2
    unknown = run(app, ["evidence", "accel_nasbnch", "--table", "t.csv"])
    assert unknown.exit_code == 2 and "did you mean accel_nasbench?" in unknown.output
    assert run(app, ["evidence", "accel_nasbench"]).exit_code == 2  # no table with the package


def test_parts_add_up_to_the_default_and_other_weights_are_an_objective():
    spec, document = told()
    networks = read_networks(spec, document, frame())
    parts = parts_of(networks)
    assert {"stage1.squeeze_excitation", "stage1.depth", "stage2.inner"} <= set(parts)
    trained = read_trained(spec, document, frame())
    assert sum(parts.values()) == pytest.approx(trained.scores["volume"], rel=1e-12)
    times = {name: 0.5 + i / 4 for i, name in enumerate(parts)}
    words = networks.kind.weighted(specification_of(networks), times)
    text = CHAIN + f"  other: {json.dumps(words)}\n"
    found = read_trained(*told(text), frame()).scores["other"]
    assert found == pytest.approx(sum(times[n] * v for n, v in parts.items()), abs=1e-3)


def labelled(weights, noise, count=60):
    words = ["d1", "e1", "se", "d2", "w2", "e2"]
    unique = frame(count).drop_duplicates(words).reset_index(drop=True)
    parts = parts_of(read_networks(*told(), unique))
    rng = np.random.default_rng(0)
    return unique.assign(
        acc=sum(weights.get(n, 1.0) * v for n, v in parts.items())
        + rng.normal(0, noise, len(unique))
    )


@pytest.mark.parametrize(
    "weights, noise, kept", [({"stage1.depth": 9.0}, 0.05, True), ({}, 0.1, False)]
)
def test_weights_are_fitted_from_labels_or_refused(tmp_path, weights, noise, kept):
    (tmp_path / "d.yaml").write_text(CHAIN)
    table = labelled(weights, noise)
    assert len(table) > 45
    table.to_csv(tmp_path / "t.csv", index=False)
    words = [
        "calibrate",
        str(tmp_path / "d.yaml"),
        "--labels",
        "40",
        "--json",
        "--out",
        str(tmp_path / "o"),
    ]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert found["recommended"] is kept
    volume = found["objective"]["volume"]
    assert (volume["depth"][0] > 2 * volume["depth"][1]) is kept
    assert kept or volume == {
        "depth": [1, 1],
        "inner": [1, 1],
        "kernel_size": [0.5, 0.5],
        "squeeze_excitation": [1.35, 1.35],
    }
    space = {
        "family": "inverted_residual",
        "input": {"size": 32},
        "stages": [{"width": 16, "expansion": 4}] * 2,
    }
    written = YAML(typ="safe").load((tmp_path / "o/objective.yaml").read_text())
    assert load({"space": space, **written})  # what it writes is what a specification says


def test_what_has_no_weights_is_told(tmp_path):
    (tmp_path / "d.yaml").write_text(
        "name: lm\ntable: t.csv\ntargets: {loss: {better: low}}\nbudgets: {p: {metric: params}}\n"
        "space: {family: decoder_lm, vocabulary: 64, context: 8, stacks: [{depth: 2, head_size: 8, ffn_ratio: 2}]}\n"
        "rows: {'stacks[0].width': d}\n"
    )  # fmt: skip
    (tmp_path / "t.csv").write_text("d,loss\n8,3\n16,2\n24,1\n")
    result = CliRunner().invoke(app, ["calibrate", str(tmp_path / "d.yaml")])
    assert result.exit_code == 2 and "no weights to fit" in result.output
    assert CliRunner().invoke(app, ["calibrate"]).exit_code == 2


OURS = ROOT / "benchmarks" / "data"
TABLES = {
    "accel_nasbench": ("accel_nasbench", None),
    "cifar16_basic": (OURS, "macs"),
    "cifar16_bottleneck": (OURS, "macs"),
    "cifar16_convnext": (OURS, "macs"),
    "cifar16_inverted_residual": (OURS, "macs"),
    "diswot_s1": ("diswot_s1", None),
    "gemstones": ("gemstones", None),
    "hw_gpt_s": ("hw_gpt_bench", "params"),
    "nasbench201": ("nasbench201", None),
    "nats_size": ("nats_sss", None),
    "ofa_mbv3": ("fbnet_ofa_latency", None),
}


def test_every_description_that_comes_along_has_a_table_here():
    assert described() == sorted(TABLES)


@pytest.mark.skipif(not SHARED.exists(), reason="shared/data is not beside the checkout")
@pytest.mark.parametrize("name", sorted(TABLES))
def test_descriptions_that_come_along_read_their_tables(name):
    spec, document = read_description(name)
    folder, exact = TABLES[name]
    path = SHARED / "data" / folder / spec.table
    if folder == OURS and not path.exists():
        pytest.skip(f"{path.relative_to(ROOT)} is not measured yet")
    table = read_frame(path).iloc[::-1]
    table = (
        table[[all(row[c] == v for c, v in spec.where.items()) for _, row in table.iterrows()]]
        if spec.where
        else table
    )
    table = table.head(5)
    if exact is None:
        networks = read_networks(spec, document, table)
        assert networks.count >= 1 and len(networks.inverse) == 5
        return
    counted = spec.model_copy(
        update={"budgets": {"counted": spec.budgets[exact].model_copy(update={"column": None, "metric": exact})}}
    )  # fmt: skip
    trained = read_trained(counted, document, table)
    assert list(trained.costs["counted"]) == table[exact].tolist()
