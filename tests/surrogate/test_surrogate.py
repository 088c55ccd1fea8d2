"""Fitting, the model's file and its faults, and the proven maximum of the fitted predictor."""

import json
import re
from dataclasses import replace

import lightgbm
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import mathdesign
from mathdesign.cli.main import app
from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import Slot, TableSum
from mathdesign.spaces.lists.named import TableError, nasbench201, nats_size
from mathdesign.surrogate.booster import (
    OBJECTIVES,
    ModelError,
    name_in_file,
    names_in_file,
    read_booster,
    rewritten,
)
from mathdesign.surrogate.features import features_of, matrix
from mathdesign.surrogate.fit import fitted, kendall, sample_of
from mathdesign.surrogate.growing import normal_scores
from mathdesign.surrogate.predictor import Predictor

run = CliRunner()


def every_point(space):
    sizes = [len(slot.options) for slot in space.slots]
    return np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), axis=-1).reshape(
        -1, len(sizes)
    )


def landscape(space, points):
    """A value for each point: main effects, a pair effect, a little noise."""
    rng = np.random.default_rng(3)
    total = rng.normal(0, 0.05, len(points))
    for i, slot in enumerate(space.slots):
        total += rng.normal(0, 1, len(slot.options))[points[:, i]]
    return 90 + total + ((points[:, 0] == 3) & (points[:, 1] == 3))


def measured(space, rows, seed=0):
    points = every_point(space)
    chosen = points[np.random.default_rng(seed).permutation(len(points))[:rows]]
    frame = pd.DataFrame([space.words(p) for p in chosen])
    frame["acc"] = landscape(space, points)[
        np.ravel_multi_index(chosen.T, [len(s.options) for s in space.slots])
    ]
    return frame


@pytest.fixture(scope="module")
def cells():
    space = nasbench201()
    frame = measured(space, 300)
    return space, frame, sample_of(frame, space, "acc")


@pytest.fixture(scope="module")
def trees(cells):
    space, _, sample = cells
    return fitted(sample, space, "acc", model="trees", ensemble=3).predictor


def test_the_encoded_ensemble_equals_the_booster_everywhere(cells, trees):
    space, points = cells[0], every_point(cells[0])
    booster = lightgbm.Booster(model_str=trees.members[0])
    theirs = booster.predict(matrix(features_of(space), points))
    assert np.abs(theirs - trees.objective(space).at(points)).max() < 1e-9


def test_the_answer_is_the_argmax_of_all_designs(cells, trees, tmp_path, monkeypatch):
    space, points = cells[0], every_point(cells[0])
    monkeypatch.chdir(tmp_path)
    trees.save(tmp_path / "model")
    values = trees.objective(space).at(points)
    costs = space.metrics["macs"].at(points)
    for limit in (None, 40_000_000, 100_000_000):
        budget = f"budgets: {{macs: {limit}}}\n" if limit else ""
        text = f"space: {{family: nasbench201}}\nobjective: {{predictor: model}}\n{budget}solve: {{gap: 0}}\n"
        design = mathdesign.design(mathdesign.loads(text))
        kept = costs <= (limit or np.inf)
        assert design.certificate.status == "optimal"
        assert design.certificate.objective == pytest.approx(values[kept].max(), abs=1e-12)
        assert design.figures["predictor"]["rmse"] == trees.quality.rmse
        assert type(design).from_dict(json.loads(design.to_json())) == design


def test_uncertainty_adds_the_spread_of_the_members(cells, trees, tmp_path, monkeypatch):
    space, points = cells[0], every_point(cells[0])
    monkeypatch.chdir(tmp_path)
    trees.save(tmp_path / "model")
    text = "space: {family: nasbench201}\nobjective: {predictor: model, uncertainty: 2}\nsolve: {gap: 0}\n"
    design = mathdesign.design(mathdesign.loads(text))
    columns = matrix(features_of(space), points)
    each = [lightgbm.Booster(model_str=m).predict(columns) for m in trees.members]
    upper = each[0] + 2 * np.std(each[1:], axis=0)
    assert design.certificate.objective == pytest.approx(upper.max(), abs=1e-9)


def test_widths_are_predicted_by_a_separable_model_where_it_is_better():
    space = nats_size()
    points = np.random.default_rng(1).permutation(every_point(space))[:900]
    frame = pd.DataFrame([space.words(p) for p in points[:200]])
    frame["acc"] = np.log(frame[["c1", "c2", "c3", "c4", "c5"]].astype(float)).sum(axis=1)
    predictor = fitted(sample_of(frame, space, "acc"), space, "acc").predictor
    assert predictor.kind == "tables" and predictor.quality.tau > 0.99
    rest = points[200:]
    truth = np.log(8.0 * (rest + 1)).sum(axis=1)
    assert kendall(predictor.predict(space, rest), truth) > 0.98


def test_scores_keep_the_order_and_are_read_back():
    labels = np.array([3.0, 1.0, 1.0, 10.0, 90.0])
    scores = normal_scores(labels)
    assert scores[1] == scores[2] < scores[0] < scores[3] < scores[4]
    assert np.array_equal(np.argsort(scores, kind="stable"), np.argsort(labels, kind="stable"))


def test_equal_samples_and_seeds_give_equal_bytes(cells, trees):
    space, _, sample = cells
    assert fitted(sample, space, "acc", model="trees", ensemble=3).predictor == trees


def test_a_saved_predictor_comes_back(trees, tmp_path):
    trees.save(tmp_path)
    assert Predictor.load(tmp_path) == trees


@pytest.mark.parametrize(("change", "message"), [
    (lambda f: f.assign(acc=1.0), "every row has the value 1.0"),
    (lambda f: f.assign(acc=f["acc"].where(f.index != 4)), "row 5, acc: found .nan."),
    (lambda f: f.assign(acc="x"), "row 1, acc: found .x.; accepted: a number"),
    (lambda f: f.drop(columns="e12"), "no column 'e12'"),
    (lambda f: f.replace({"e01": {"none": "conv"}}), "found 'conv'"),
    (lambda f: pd.concat([f, f.iloc[:1].assign(acc=0.0)]), "--duplicates mean"),
    (lambda f: f.iloc[:5], "at least 20"),
    (lambda f: f.rename(columns={"acc": "val"}), "no column 'acc'"),
])  # fmt: skip
def test_bad_tables_are_refused_by_name(cells, change, message):
    space, frame, _ = cells
    with pytest.raises(TableError, match=message):
        sample_of(change(frame), space, "acc")


def test_duplicates_are_averaged_when_asked(cells):
    space, frame, sample = cells
    twice = pd.concat([frame, frame.iloc[:1].assign(acc=0.0)])
    found = sample_of(twice, space, "acc", duplicates="mean")
    assert len(found.labels) == len(sample.labels)
    assert found.labels[0] == pytest.approx(frame["acc"].iloc[0] / 2)


@pytest.mark.parametrize(("change", "message"), [
    (lambda t: t[: len(t) // 2], "truncated"),
    (lambda t: t.replace("objective=regression", "objective=binary sigmoid:1"), "binary"),
    (lambda t: t.replace("objective=regression", "objective=regression sqrt"), "'regression sqrt', accepted: regression, "),
    (lambda t: t.replace("objective=regression", "objective=regressions"), "'regressions'"),
    (lambda t: t.replace("objective=regression", "objective=poisson"), "'poisson', accepted"),
    (lambda t: t.replace("objective=regression\n", ""), "objective ''"),
    (lambda t: t.replace("objective=", "objective=huber\nobjective=", 1), "'objective' twice"),
    (lambda t: t.replace("num_leaves=", "num_leaves=1\nnum_leaves=", 1), "'num_leaves' twice"),
    (lambda t: t.replace("tree\n", "treetop\n", 1), "not a LightGBM model"),
    (lambda t: t.replace("version=v4", "version=v5"), "'v5', accepted: v2, v3, v4"),
    (lambda t: t.replace("decision_type=2", "decision_type=14", 1), "decision_type 14"),
    (lambda t: t.replace("num_cat=0", "num_cat=1", 1), "categorical"),
    (lambda t: t.replace("is_linear=0", "is_linear=1", 1), "linear"),
    (lambda t: t.replace("decision_type=2", "decision_type=4", 1), "zero as missing"),
    (lambda t: t.replace("leaf_value=", "leaf_value=nan ", 1), "leaf_value"),
    (lambda t: t.replace("left_child=", "left_child=0 ", 1), "left_child"),
    (lambda t: t.replace("e01_none", "e99_none"), "other features"),
    (lambda t: "__import__('os').system('true')", "not a LightGBM model"),
    (lambda t: t.replace("num_leaves=", "num_leaves=999999999999", 1), "leaves"),
])  # fmt: skip
def test_models_that_are_damaged_or_strange_are_refused_by_name(trees, change, message):
    features = features_of(nasbench201())
    assert read_booster(trees.members[0], features)
    with pytest.raises(ModelError, match=message):
        read_booster(change(trees.members[0]), features)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_objectives_that_add_leaves_are_read_as_lightgbm_reads_them(objective):
    """Huber's, quantiles and the others whose output is the sum of the leaves: own labels each."""
    space = nats_size()
    points = np.random.default_rng(0).integers(0, 8, (80, 5))
    features = features_of(space)
    columns = matrix(features, points)
    names = names_in_file([feature.name for feature in features])
    data = lightgbm.Dataset(columns, 90 + points @ np.arange(1.0, 6.0), feature_name=names)
    settings = {"objective": objective, "verbose": -1, "num_threads": 1, "alpha": 0.7}
    booster = lightgbm.train({**settings, "num_leaves": 5, "min_data_in_leaf": 5}, data, 4)
    text = booster.model_to_string()
    assert f"\nobjective={objective}\n" in text
    assert np.allclose(read_booster(text, features).at(points), booster.predict(columns), atol=1e-9)


def test_names_of_features_survive_the_file_and_differ():
    for space in (nasbench201(), nats_size()):
        names = [name_in_file(f.name) for f in features_of(space)]
        assert len(set(names)) == len(names)


def test_a_predictor_of_another_space_is_refused(trees, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trees.save(tmp_path / "model")
    text = "space: {family: nats_size}\nobjective: {predictor: model}\n"
    with pytest.raises(mathdesign.SpecError, match="trained on space 'nasbench201'"):
        mathdesign.design(mathdesign.loads(text))


@pytest.mark.parametrize("folder", ["/etc", "../model", "a/../../b"])
def test_a_predictor_s_folder_stays_below_the_working_directory(folder):
    with pytest.raises(mathdesign.SpecError, match="below the working directory"):
        mathdesign.loads(f"space: {{family: nats_size}}\nobjective: {{predictor: {folder}}}\n")


def test_a_user_s_own_slots_with_costs(tmp_path, monkeypatch):
    text = """
space:
  family: slots
  slots:
    - {name: depth, options: [1, 2, 3], ordered: true, costs: {macs: [10, 20, 30], score: [1, 5, 6]}}
    - {name: op, options: [conv, pool], costs: {macs: [5, 1], score: [4, 0]}}
objective: {metric: score}
budgets: {macs: 26}
solve: {gap: 0}
"""
    design = mathdesign.design(mathdesign.loads(text))
    assert design.network.options == {"depth": "2", "op": "conv"}
    assert design.metrics == {"macs": 25, "score": 9} and design.certificate.status == "optimal"
    with pytest.raises(mathdesign.Infeasible, match="macs max 11"):
        mathdesign.design(mathdesign.loads(text.replace("macs: 26", "macs: 3")))
    wrong = text.replace("[5, 1]", "[5]").replace("metric: score", "metric: scor")
    with pytest.raises(mathdesign.SpecError, match="2, one for each option"):
        mathdesign.loads(wrong)


def test_from_the_command_line(cells, tmp_path, monkeypatch):
    _, frame, _ = cells
    monkeypatch.chdir(tmp_path)
    frame.to_csv("cells.csv", index=False)
    words = ["fit", "--table", "cells.csv", "--space", "nasbench201", "--out", "model"]
    words += ["--model", "trees"]
    found = run.invoke(app, [*words, "--target", "acc"])
    assert found.exit_code == 0, found.output
    assert "chosen: trees" in found.output and (tmp_path / "model" / "calibration.png").is_file()
    (tmp_path / "cell.yaml").write_text(
        "name: cell\nspace: {family: nasbench201}\nobjective: {predictor: model}\nbudgets: {macs: 60M}\n"
    )
    found = run.invoke(app, ["design", "cell.yaml"])
    assert found.exit_code == 0, found.output
    assert "the best design of the predictor, not of the world" in found.output
    assert run.invoke(app, ["validate", "runs/cell/design.yaml", "--no-train"]).exit_code == 0
    assert run.invoke(app, ["check", "cell.yaml"]).exit_code == 0
    for target, space in (("none", "nasbench201"), ("acc", "nasbench20")):
        bad = ["fit", "--table", "cells.csv", "--space", space, "--out", "m", "--target", target]
        assert run.invoke(app, bad).exit_code == 2


def test_slots_without_values_have_one_hot_features_and_counts():
    space = TableSpace("s", (Slot("a", ("x", "y")), Slot("b", ("x", "y"))), {}, ("x",))
    found = matrix(features_of(space), np.array([[0, 0], [1, 0]]))
    assert found.tolist() == [[1, 0, 1, 0, 2], [0, 1, 1, 0, 1]]


def test_a_head_start_on_free_labels_is_tried_and_is_part_of_the_model():
    space = nats_size()
    rng = np.random.default_rng(0)
    points = rng.integers(0, 8, (60, 5))
    cost = space.metrics["macs"].at(points).astype(float)
    frame = pd.DataFrame([space.words(p) for p in points])
    frame["acc"] = np.sqrt(cost / cost.max()) + rng.normal(0, 0.02, len(points))
    sample = sample_of(frame, space, "acc")
    plain = fitted(sample, space, "acc", model="trees").predictor
    found = fitted(sample, space, "acc", model="trees", pretrain=("macs", "params")).predictor
    rivals = found.quality.rivals
    assert {
        k: v for k, v in rivals.items() if "after macs, params" not in k
    } == plain.quality.rivals
    assert len(rivals) == 2 * len(plain.quality.rivals)
    assert found.quality.tau > plain.quality.tau
    at = every_point(space)
    theirs = lightgbm.Booster(model_str=found.members[0]).predict(matrix(features_of(space), at))
    assert np.abs(theirs - found.objective(space).at(at)).max() < 1e-9
    with pytest.raises(TableError, match="no metric 'watts' to pre-train on; accepted: "):
        fitted(sample, space, "acc", pretrain=("watts",))


def test_a_text_of_ours_predicts_and_attributes_as_the_file_does(cells, trees):
    space, points = cells[0], every_point(cells[0])[::37]
    features = features_of(space)
    columns = matrix(features, points)
    theirs = lightgbm.Booster(model_str=trees.members[0])
    ours = lightgbm.Booster(model_str=rewritten(trees.members[0], features))
    assert np.array_equal(theirs.predict(columns), ours.predict(columns))
    shares = [b.predict(columns, pred_contrib=True) for b in (theirs, ours)]
    assert np.allclose(*shares, atol=1e-12)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: re.sub(r"leaf_weight=\S+", "leaf_weight=x", t),
        lambda t: re.sub(r"tree_sizes=\d+", "tree_sizes=99999999", t),
        lambda t: re.sub(r"max_feature_idx=\d+", "max_feature_idx=999999999", t),
        lambda t: re.sub(r"feature_infos=.*", "feature_infos=x", t),
        lambda t: re.sub(r"shrinkage=1\b", "shrinkage=x", t),
        lambda t: t[: t.index("end of trees") + 12],
        lambda t: t + "\nparameters:\n[objective: " + "x" * 9999,
    ],
)
def test_what_ends_the_interpreter_never_reaches_lightgbm(cells, trees, change):
    """None of these words is read by us: what is written again is the same ensemble."""
    features = features_of(cells[0])
    text = change(trees.members[0])
    assert text != trees.members[0]
    assert rewritten(text, features) == rewritten(trees.members[0], features)


@pytest.mark.parametrize("value", ["x", "0", "1 2", "9" * 30, "-1", "nan", ""])
def test_counts_of_rows_are_checked_too(cells, trees, value):
    for key in ("leaf_count", "internal_count"):
        text = re.sub(rf"{key}=.+", f"{key}={value}", trees.members[0], count=1)
        with pytest.raises(ModelError, match="tree 0"):
            read_booster(text, features_of(cells[0]))


def test_names_that_coincide_in_the_file_are_numbered():
    names = names_in_file(["3x3 conv", "3x3_conv", "macs", "macs", "3x3_conv_2"])
    assert len(set(names)) == 5 and names[:2] == ["3x3_conv", "3x3_conv_2"]


def test_a_slot_named_as_a_metric_and_options_written_alike_can_be_fitted():
    slots = (
        Slot("macs", ("1", "2", "3"), (1.0, 2.0, 3.0)),
        Slot("op", ("3x3 conv", "3x3_conv")),
    )
    costs = TableSum(0, (np.array([1, 2, 3]), np.array([5, 6])))
    space = TableSpace("own", slots, {"macs": costs})
    points = every_point(space)
    frame = pd.DataFrame([space.words(p) for p in points] * 4)
    frame["acc"] = np.arange(len(frame)) % 7 + 0.1 * np.arange(len(frame))
    sample = sample_of(frame, space, "acc", "mean")
    sample = replace(sample, points=np.tile(points, (5, 1)), labels=np.arange(30) % 7 + 0.5)
    found = fitted(sample, space, "acc", model="trees").predictor
    assert np.isfinite(found.predict(space, points)).all()
