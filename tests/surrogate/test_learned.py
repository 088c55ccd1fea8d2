"""A predictor belongs to the space that it was fitted on, option by option."""

import json
from dataclasses import replace

import lightgbm
import numpy as np
import pytest

import mathdesign
from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import Feature, Slot, TableSum
from mathdesign.surrogate.booster import ModelError
from mathdesign.surrogate.features import features_of, matrix
from mathdesign.surrogate.learned import LearnedSpace
from mathdesign.surrogate.predictor import Predictor, Quality
from tests.surrogate.quick import quick_trees

OP, WIDTH = Slot("op", ("id", "conv")), Slot("width", ("8", "16"), (8.0, 16.0))
COSTS = TableSum(0, (np.array([0, 9]), np.array([1, 2])))
SPACE = TableSpace("slots", (OP, WIDTH), {"macs": COSTS}, ("conv",))
QUALITY = Quality(4, 0.5, 0.75, 0.1, {"x": 0.5})
LEVELS = ((-1.0, 0.0), (1.0, 2.0))


def tables(space=SPACE) -> Predictor:
    return Predictor(
        LearnedSpace.of(space), "acc", "tables", LEVELS, QUALITY, (), ((0.0, 1.0), (0.0, 0.5))
    )


def trees(space=SPACE) -> Predictor:
    points = np.array([(i, j) for i in range(2) for j in range(2)] * 10)
    labels = points @ np.array([2.0, 0.5]) + 1e-3 * np.arange(40)
    return quick_trees(space, points, labels)


@pytest.mark.parametrize("predictor", [tables(), trees()], ids=["tables", "trees"])
def test_what_is_stored_comes_back(predictor, tmp_path):
    predictor.save(tmp_path)
    found = Predictor.load(tmp_path)
    assert found == predictor and found.digest() == predictor.digest()
    assert found.space.differences(SPACE) == []


def test_trees_that_split_on_what_options_say_are_read_again(tmp_path):
    """Spaces that describe their options (kernel, layers) had predictors that nothing could read."""
    said = Feature("kernel", (0, 1), (np.array([3.0, 5.0]), np.array([0.0, 2.0])))
    space = replace(SPACE, described=(said,))
    predictor = trees(space)
    predictor.save(tmp_path)
    found = Predictor.load(tmp_path)
    assert found == predictor and found.digest() == predictor.digest()
    points = np.array([(i, j) for i in range(2) for j in range(2)])
    ensemble = found.ensembles()[0]
    assert "kernel" in [feature.name for feature in ensemble.features]
    booster = lightgbm.Booster(model_str=found.members[0])
    truth = booster.predict(matrix(features_of(space), points))
    assert found.objective(space).at(points) == pytest.approx(truth)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"slots": [0, 2]}, "0 to 1"),
        ({"slots": [0, True]}, "found True"),
        ({"tables": [[3.0, 5.0], [0.0]]}, "one number an option"),
        ({"tables": [[3.0, float("nan")], [0.0, 2.0]]}, "finite"),
        ({"name": 3}, "accepted: text"),
    ],
)
def test_stored_descriptions_that_are_damaged_are_refused(change, words):
    said = Feature("kernel", (0, 1), (np.array([3.0, 5.0]), np.array([0.0, 2.0])))
    data = LearnedSpace.of(replace(SPACE, described=(said,))).to_dict()
    data["described"][0] |= change
    with pytest.raises(ValueError, match=words):
        LearnedSpace.read(data)


def test_what_describes_nothing_is_written_as_before():
    assert set(LearnedSpace.of(SPACE).to_dict()) == {"name", "slots", "counted", "costs"}


@pytest.mark.parametrize("predictor", [tables(), trees()], ids=["tables", "trees"])
@pytest.mark.parametrize(
    ("slots", "words"),
    [
        ((Slot("op", ("conv", "id")), WIDTH), "slot op: option 'conv' stands where 'id' stood"),
        ((WIDTH, OP), "slot width stands where op stood"),
        ((Slot("op", ("id", "pool")), WIDTH), "option 'conv' is gone.*not seen option 'pool'"),
        ((Slot("op", ("id",)), WIDTH), "option 'conv' is gone; to leave it out.*space.without"),
        ((Slot("act", ("id", "conv")), WIDTH), "slot op: not in the space.*slot act"),
        ((OP, Slot("width", ("8", "16"), (8.0, 32.0))), "'16' was worth 16.0, it is worth 32.0"),
        ((OP, Slot("width", ("8", "16"))), "slot width: it was ordered"),
    ],
)
def test_another_space_is_refused_by_what_differs(predictor, slots, words):
    other = TableSpace("slots", slots, {}, ("conv",))
    for ask in (
        lambda: predictor.objective(other),
        lambda: predictor.predict(other, np.zeros((1, 2), dtype=np.int64)),
    ):
        with pytest.raises(ModelError, match=words) as caught:
            ask()
        assert "fit it again on this space" in str(caught.value)


def test_many_differences_are_counted():
    other = replace(SPACE, slots=tuple(Slot(f"s{k}", ("a", "b")) for k in range(9)))
    assert tables().space.differences(other)[-1] == "6 more differences"


def test_a_cost_that_is_edited_changes_budgets_and_not_the_prediction():
    """Costs are features: trees go on seeing those that they were grown on."""
    predictor, dear = trees(), TableSum(0, (np.array([0, 900]), np.array([1, 2])))
    every = np.array([(i, j) for i in range(2) for j in range(2)])
    expected = predictor.objective(SPACE).at(every)
    theirs = lightgbm.Booster(model_str=predictor.members[0])
    assert np.allclose(theirs.predict(matrix(features_of(SPACE), every)), expected)
    for metrics in ({"macs": dear}, {}, {"macs": COSTS, "mem": dear}):
        changed = replace(SPACE, metrics=metrics)
        assert np.array_equal(predictor.objective(changed).at(every), expected)


SPEC = """
space: {{family: slots, slots: [{{name: op, options: [{options}]}},
  {{name: width, options: [8, 16], ordered: true}}]}}
objective: {{predictor: m}}
"""


def test_the_worst_design_is_never_named_best(tmp_path, monkeypatch):
    """Fitted with `[id, conv]`, asked about `[conv, id]`."""
    monkeypatch.chdir(tmp_path)
    spec = mathdesign.loads(SPEC.format(options="id, conv"))
    tables(spec.table_space()).save(tmp_path / "m")
    assert mathdesign.design(spec).network.options == {"op": "conv", "width": "16"}
    with pytest.raises(mathdesign.SpecError, match="op: option 'conv' stands where 'id' stood"):
        mathdesign.design(mathdesign.loads(SPEC.format(options="conv, id")))


def test_a_predictor_of_before_is_refused_with_the_cure(tmp_path):
    tables().save(tmp_path)
    document = json.loads((tmp_path / "predictor.json").read_text())
    document.update(format=1, space="slots")
    (tmp_path / "predictor.json").write_text(json.dumps(document))
    with pytest.raises(ModelError, match=r"of format 1, which does not say.*fit it again"):
        Predictor.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("slots"), "'slots' is missing"),
        (lambda s: s.update(slots=[]), "at least one slot"),
        (lambda s: s.update(slots=s["slots"] * 2), "distinct names"),
        (lambda s: s.update(name=3), "name: found 3"),
        (lambda s: s.update(counted="conv"), "counted: found 'conv'"),
        (lambda s: s["slots"][0].update(options=["id", "id"]), "all distinct"),
        (lambda s: s["slots"][0].update(options=["id"]), "one table a slot"),
        (lambda s: s["slots"][0].update(options=[1, 2]), "options: found 1"),
        (lambda s: s["slots"][1].update(values=[1.0]), "one value an option"),
        (lambda s: s["slots"][1].update(values=[1.0, True]), "values: found True"),
        (lambda s: s["costs"].update(macs=[[0, 9]]), "one table a slot"),
        (lambda s: s["costs"].update(macs=[[0, 0.5], [1, 2]]), "found 0.5"),
        (lambda s: s["costs"].update(macs=[[0, 2**63], [1, 2]]), "up to 2.62"),
        (lambda s: s.update(costs=[]), "a mapping of metrics"),
        (lambda s: (s["slots"].pop(), s.update(costs={})), "fit its slots"),
    ],
)  # fmt: skip
def test_a_stored_space_that_is_damaged_is_refused_by_name(tmp_path, change, words):
    tables(replace(SPACE, counted=())).save(tmp_path)
    document = json.loads((tmp_path / "predictor.json").read_text())
    change(document["space"])
    (tmp_path / "predictor.json").write_text(json.dumps(document))
    with pytest.raises(ModelError, match=words):
        Predictor.load(tmp_path)


def test_a_smaller_ensemble_leaves_none_of_the_larger(tmp_path):
    predictor = trees()
    predictor.save(tmp_path)
    replace(predictor, members=predictor.members[:1]).save(tmp_path)
    assert [path.name for path in tmp_path.glob("trees-*")] == ["trees-0.txt"]
