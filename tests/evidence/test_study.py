"""A study: every run recorded, none done twice, no failure takes the others."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from mathdesign import api
from mathdesign.evidence import texts as shown
from mathdesign.evidence.baselines import OURS, rivals_of
from mathdesign.evidence.card import card, write_card
from mathdesign.evidence.measure import ACCURACY, BITS
from mathdesign.evidence.recipes import ImageRecipe
from mathdesign.evidence.study import AT_CHANCE, Study, StudyRun, run_study, survivors
from mathdesign.evidence.verdict import Verdict, holm, verdicts
from mathdesign.kinds.load import load
from mathdesign.validators.training import images as training
from mathdesign.validators.training.recipe import TrainingOptions
from tests.places import ROOT

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def design():
    return api.design(load(ROOT / "examples/03_digits_tiny/design.yaml"))


@pytest.fixture(scope="module")
def rivals(design):
    return rivals_of(design, ["random:2", "uniform"]).candidates


@pytest.fixture(scope="module")
def recipe(design):
    net = design.network
    options = TrainingOptions(epochs=2, batch_size=32)
    return ImageRecipe("digits", net.input_channels, net.input_size, net.classes, 300, options)


@pytest.fixture(scope="module")
def images(recipe):
    return recipe.load()


@pytest.fixture
def study(design, rivals, recipe, images, tmp_path):
    return Study(design.kind, rivals, [0, 1], recipe, images, tmp_path / "study")


def plain(runs):
    """Without the clock."""
    return [
        replace(r, seconds=0.0, curve=tuple({**e, "seconds": 0} for e in r.curve)) for r in runs
    ]


def stopped_after(steps, study):
    taken = []
    return run_study(
        study,
        on_progress=lambda report: taken.append(report) if report.training else None,
        should_stop=lambda: len(taken) >= steps,
    )


def test_a_study_killed_in_the_middle_goes_on_to_the_same_result(study, tmp_path):
    whole = run_study(study)
    assert [(r.candidate, r.seed) for r in whole] == [
        (c.name, s) for c in study.rivals for s in (0, 1)
    ]
    assert all(r.status == "done" and len(r.curve) == 2 for r in whole)
    killed = replace(study, folder=tmp_path / "killed")
    for limit in (17, 40, 10**9):
        runs = stopped_after(limit, killed)
    assert plain(runs) == plain(whole)
    again = []
    run_study(killed, on_progress=again.append)
    assert not again  # nothing was left to do


def test_what_is_written_down_is_read_again(study):
    """By the measure's name, so that a study of images that was begun long ago goes on."""
    runs = run_study(replace(study, rivals=study.rivals[:1], seeds=[0]))
    (file,) = (study.folder / "runs").iterdir()
    words = json.loads(file.read_text())
    assert words["test_accuracy"] == runs[0].score and "score" not in words
    assert StudyRun.read(words, ACCURACY) == runs[0]
    older = {key: value for key, value in words.items() if key != "test_loss"}
    assert StudyRun.read(older, ACCURACY).test_loss is None
    file.write_text("[1, 2]")  # no run: it is done again
    assert plain(run_study(replace(study, rivals=study.rivals[:1], seeds=[0]))) == plain(runs)


def test_two_processes_give_the_same_as_one(study, tmp_path):
    one = replace(study, rivals=study.rivals[:2], seeds=[0])
    two = replace(one, folder=tmp_path / "two")
    assert plain(run_study(one)) == plain(run_study(two, jobs=2))


def test_failures_are_rows_and_the_others_are_kept(design, study, tmp_path, monkeypatch):
    fitting, broken = training.fitting_batch, study.rivals[1].network

    def exhausted(module, shape, wanted, device):
        from mathdesign.validators.convnet.recheck import count

        if sum(p.numel() for p in module.parameters()) == count(broken, "macs")["params"]:
            raise MemoryError("no room")
        return fitting(module, shape, wanted, device)

    monkeypatch.setattr(training, "fitting_batch", exhausted)
    once = replace(study, seeds=[0])
    runs = run_study(once)
    assert [r.status for r in runs] == ["done", "failed", "done", "done"]
    assert "no room" in runs[1].reason
    monkeypatch.undo()
    runs = run_study(once)
    assert [r.status for r in runs] == ["done"] * 4  # memory is tried again
    options = replace(study.recipe.options, learning_rate=1e30, optimizer="sgd")
    wild = replace(once, recipe=replace(study.recipe, options=options), folder=tmp_path / "b")
    runs = run_study(wild)
    assert {r.status for r in runs} == {"failed"}
    assert all("diverged" in r.reason for r in runs)
    found = shown.document(design, wild, runs)
    assert all(v["verdict"] == "no finished run: no verdict" for v in found["verdicts"])
    json.dumps(found, allow_nan=False)


def test_a_run_at_chance_says_so_in_its_row(design, study, images):
    """Labels in any order teach nothing."""
    order = np.random.default_rng(0).permutation(len(images.labels))
    taught_nothing = replace(
        study,
        rivals=study.rivals[:1],
        seeds=[0],
        data=replace(images, labels=images.labels[order]),
    )
    runs = run_study(taught_nothing)
    assert [(r.status, r.reason) for r in runs] == [("done", AT_CHANCE)]
    (row,) = shown.table_rows(shown.summary(design, taught_nothing, runs), ACCURACY)
    assert row[-1].endswith("at chance")


def test_halving_keeps_the_design_and_the_better_half(study):
    options = replace(study.recipe.options, epochs=4)
    longer = replace(study, seeds=[0], recipe=replace(study.recipe, options=options))
    runs = run_study(longer, halving=True)
    assert {r.candidate for r in runs} == {c.name for c in study.rivals}
    by = {r.candidate: r for r in runs}
    assert by[OURS].status == "done" and len(by[OURS].curve) == 4
    stopped = [r for r in runs if r.status == "stopped"]
    assert stopped and all(len(r.curve) < 4 for r in stopped)
    first = [replace(r, curve=r.curve[:1]) for r in runs]
    kept = {c.name for c in survivors(study.rivals, first, ACCURACY)}
    assert all(by[name].status == "stopped" for name in by if name not in kept)


def test_the_better_half_is_the_lower_one_where_less_is_better(rivals):
    def run(name, bits):
        curve = ({"bits_per_byte": bits, "step": 1},)
        return StudyRun(name, 0, "done", "", curve, bits, 1.0, 8, "cpu")

    runs = [run(c.name, bits) for c, bits in zip(rivals, (9.0, 3.0, 4.0, 2.0))]
    assert [c.name for c in survivors(rivals, runs, BITS)] == [OURS, "random1", "resnet18"]


def test_files_of_a_study(design, study, tmp_path):
    runs = run_study(study)
    found = shown.document(design, study, runs)
    assert found["runs"][0]["test_accuracy"] == runs[0].score
    found["checks"] = [{"check": "a", "ok": True, "found": ""}]
    written = [
        *shown.write_study(tmp_path, found, "<b>x</b>"),
        *write_card(tmp_path, design, found),
    ]
    assert [p.name for p in written] == [
        "study.json", "study.csv", "curves.png", "curves.html", "card.json", "card.html",
    ]  # fmt: skip
    assert "<b>x</b>" not in (tmp_path / "curves.html").read_text()
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    criteria = card(design, found)
    assert len(criteria) == 10
    blank = [c["criterion"] for c in criteria if not c["measured"]]
    assert blank == [
        "interpretability",
        "reproducibility",
        "scalability",
        "generalizability",
        "novelty",
    ]
    assert len(shown.table_rows(found["rows"], ACCURACY)) == len(study.rivals)


def test_verdicts_need_a_difference_that_chance_does_not_give():
    ours = {0: 0.90, 1: 0.91, 2: 0.92, 3: 0.905}
    near = {s: a + d for (s, a), d in zip(ours.items(), (0.01, -0.01, 0.002, -0.003))}
    far = {s: a - 0.05 + d for (s, a), d in zip(ours.items(), (0.001, -0.001, 0.002, 0.0))}
    words = {v.baseline: v.words for v in verdicts(ours, {"near": near, "far": far, "gone": {}})}
    assert words == {
        "near": "no difference shown",
        "far": "better",
        "gone": "no finished run: no verdict",
    }
    (one,) = verdicts({0: 0.9}, {"x": {0: 0.1}})
    assert one.words == "one seed: no verdict" and one.low is None
    (worse,) = verdicts(far, {"ours": ours})
    assert worse.words == "worse" and worse.high is not None and worse.high < 0


def test_less_is_better_where_it_is():
    losses = {0: 2.50, 1: 2.51, 2: 2.52}
    more = {s: loss + 0.3 + d for (s, loss), d in zip(losses.items(), (0.0, 0.01, -0.01))}
    (better,) = verdicts(losses, {"x": more}, less=True)
    (worse,) = verdicts(losses, {"x": more})
    assert (better.words, worse.words) == ("better", "worse") and better.difference < 0


def test_intervals_and_p_values_are_those_of_scipy():
    from scipy import stats

    a, b = {0: 0.5, 1: 0.7, 2: 0.65}, {0: 0.45, 1: 0.66, 2: 0.66}
    (found,) = verdicts(a, {"b": b})
    test = stats.ttest_rel(list(a.values()), list(b.values()))
    low, high = test.confidence_interval()
    assert found == Verdict("b", 3, pytest.approx(0.08 / 3), pytest.approx(low), pytest.approx(high),
                            pytest.approx(test.pvalue))  # fmt: skip


def test_holm_is_the_published_adjustment():
    assert holm([0.01, 0.04, 0.03, None]) == [0.03, 0.06, 0.06, None]
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert not math.isnan(sum(filter(None, holm([0.5]))))
