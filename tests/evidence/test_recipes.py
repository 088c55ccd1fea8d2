"""A recipe says once how networks are trained and judged; a study knows neither images nor text."""

import json
import pickle
from dataclasses import asdict, replace

import pytest
import torch

from mathdesign import api
from mathdesign.evidence import texts as shown
from mathdesign.evidence.baselines import OURS, rivals_of
from mathdesign.evidence.card import card
from mathdesign.evidence.measure import ACCURACY, BITS
from mathdesign.evidence.recipes import ImageRecipe, TextRecipe
from mathdesign.evidence.study import Study, run_study
from mathdesign.kinds.load import loads
from mathdesign.validators.training.images import initialised
from mathdesign.validators.training.recipe import TrainingOptions
from mathdesign.validators.training.text import TextOptions, train_text
from mathdesign.validators.training.text_data import encoding, load_text

torch.set_num_threads(1)
DECODER = """
space:
  family: decoder_lm
  vocabulary: 256
  context: 16
  stacks: [{width: 16..32/16, depth: 1..2, head_size: 8, heads: [1, 2], ffn_ratio: [1, 2]}]
objective: {metric: volume}
budgets: {params: 24k}
"""
VIT = """
space:
  family: vit
  classes: 10
  image: {channels: 1, size: 8, patch: 4}
  stacks: [{width: 16..32/8, depth: 1..3, head_size: 8, ffn_ratio: 1..3/0.25}]
budgets: {params: 20k}
"""
OPTIONS = TextOptions(steps=6, batch_size=4, length=16, checks=3, held_out_tokens=256)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """Some twelve thousand bytes that say the same over and over."""
    file = tmp_path_factory.mktemp("text") / "words.txt"
    file.write_text("".join(f"{i}. the same words again.\n" for i in range(450)))
    return file


def study_of(words, recipe, folder, rivals=("random:1", "gpt2")):
    design = api.design(loads(words))
    found = rivals_of(design, rivals)
    return design, Study(design.kind, found.candidates, [0, 1], recipe, recipe.load(), folder)


@pytest.fixture
def decoders(text, tmp_path):
    return study_of(DECODER, TextRecipe(str(text), 256, OPTIONS), tmp_path / "study")


def plain(runs):
    """Without the clock."""
    return [
        replace(r, seconds=0.0, curve=tuple({**e, "seconds": 0} for e in r.curve)) for r in runs
    ]


def test_a_run_of_a_study_is_the_run_of_the_network_alone(decoders, text):
    design, study = decoders
    runs = run_study(study)
    told = load_text(text)
    alone = train_text(
        initialised(lambda: design.build(), 1), told, encoding(told, 256), replace(OPTIONS, seed=1)
    )
    (ours,) = [run for run in runs if (run.candidate, run.seed) == (OURS, 1)]
    assert ours.score == alone.bits_per_byte and ours.status == "done"
    looks = [(look["step"], look["bits_per_byte"]) for look in ours.curve]
    assert looks == [(check.step, check.bits_per_byte) for check in alone.curve]
    assert len({run.score for run in runs}) == len(runs)  # networks and seeds differ


def test_a_study_of_text_killed_in_the_middle_goes_on_to_the_same_result(decoders, tmp_path):
    _, study = decoders
    whole = run_study(study)
    assert [(r.candidate, r.seed) for r in whole] == [
        (c.name, seed) for c in study.rivals for seed in (0, 1)
    ]
    killed, steps = replace(study, folder=tmp_path / "killed"), []
    run_study(
        killed,
        on_progress=lambda report: steps.append(report) if report.training else None,
        should_stop=lambda: len(steps) >= 11,  # the second run, after a look
    )
    assert len(list((tmp_path / "killed/checkpoints").iterdir())) == 1
    again = []
    assert plain(run_study(killed, on_progress=again.append)) == plain(whole)
    assert again[0].done == 1 and again[0].training.step > 1
    assert not list((tmp_path / "killed/checkpoints").iterdir())


def test_halving_stops_the_worse_models(text, tmp_path):
    recipe = TextRecipe(str(text), 256, replace(OPTIONS, checks=6))
    words = ("random:2", "gpt2", "llama")
    _, study = study_of(DECODER, recipe, tmp_path / "study", words)
    runs = run_study(replace(study, seeds=[0]), halving=True)
    by = {run.candidate: run for run in runs}
    assert by[OURS].status == "done" and len(by[OURS].curve) == recipe.rounds == 6
    halved = [run for run in runs if run.status == "stopped"]
    assert halved and all("checks" in run.reason and len(run.curve) < 6 for run in halved)
    at_two = {name: -run.curve[1]["bits_per_byte"] for name, run in by.items()}
    first_out = [run.candidate for run in halved if len(run.curve) == 2]
    best_out = max(at_two[name] for name in first_out)
    assert all(at_two[name] >= best_out for name in by if name not in (*first_out, OURS))


def test_results_are_told_in_bits_and_less_is_better(decoders, tmp_path):
    design, study = decoders
    runs = [replace(run, score=2.0 + (run.candidate != OURS)) for run in run_study(study)]
    found = shown.document(design, study, runs)
    json.dumps(found, allow_nan=False)
    ours, *others = found["rows"]
    assert ours["bits_per_byte"] == 2.0 and ours["bits_per_byte_sd"] == 0.0
    assert ours["params"] == design.metrics["params"] and "test_accuracy" not in ours
    assert {run["bits_per_byte"] for run in found["runs"]} == {2.0, 3.0}
    assert {v["verdict"] for v in found["verdicts"]} == {"better"}
    assert {v["difference"] for v in found["verdicts"]} == {-1.0}
    rows = shown.verdict_rows(shown.judge(study, runs), BITS)
    assert all(row[2] == "-1.0000" for row in rows)
    assert shown.verdict_header(BITS)[2] == "bits per byte"
    (first, *_) = shown.table_rows(found["rows"], BITS)
    assert first[4] == "2.0000" and "bits per byte" in shown.header(BITS)
    lines = {row["criterion"]: row["measured"] for row in card(design, found)}
    assert lines["efficiency"].startswith("2.0000 bits per byte with ")
    assert lines["efficiency"].endswith(f"better than {len(others)} of {len(others)} rivals")
    assert lines["stability over seeds"] == "sd 0.0000 over 2 seeds"
    written = [path.name for path in shown.write_study(tmp_path, found, "x")]
    assert written == ["study.json", "study.csv", "curves.png", "curves.html"]
    assert "bits per byte held out" in (tmp_path / "curves.html").read_text()


def test_vision_transformers_train_on_images(tmp_path):
    options = TrainingOptions(epochs=1, batch_size=32)
    recipe = ImageRecipe("digits", 1, 8, 10, 300, options)
    design, study = study_of(VIT, recipe, tmp_path / "study", ("random:1", "vit"))
    runs = run_study(replace(study, seeds=[0]))
    assert [run.status for run in runs] == ["done"] * 3
    assert all(0 < run.score <= 1 for run in runs)
    (row, *_) = shown.summary(design, study, runs)
    assert row["macs"] == design.metrics["macs"] and row["test_accuracy"] == runs[0].score


def test_what_decides_a_run_names_its_file(decoders):
    _, study = decoders
    (job, *_) = study.jobs(study.rivals, 3)
    other = study.rivals[1].network
    changed = [
        replace(job, seed=5),
        replace(job, network=other),
        replace(job, data_mark="x"),
        replace(job, recipe=replace(job.recipe, options=replace(OPTIONS, steps=7))),
    ]
    assert len({job.key, *(c.key for c in changed)}) == 5
    renamed = replace(job, candidate="other", network=replace(job.network, name="other"))
    assert renamed.key == job.key == pickle.loads(pickle.dumps(job)).key


def test_the_mark_of_a_text_is_of_what_is_read(text):
    recipe = TextRecipe(str(text), 256, OPTIONS)
    data = recipe.load()
    changed = [
        replace(data, train=data.train[:-1]),
        replace(data, held_out=data.held_out + 1),
        replace(data, vocabulary=257),
    ]
    assert len({recipe.mark(data), *map(recipe.mark, changed)}) == 4
    assert recipe.mark(recipe.load()) == recipe.mark(data)
    assert recipe.words()["options"] == asdict(OPTIONS) and "held out" in recipe.words()["split"]


def test_an_estimate_grows_with_the_run(decoders):
    _, study = decoders
    longer = replace(study.recipe, options=replace(OPTIONS, steps=60_000))
    assert 0 < study.estimate_s() < replace(study, recipe=longer).estimate_s()


def test_measures_turn_and_show_values():
    assert (ACCURACY.gain(0.5), BITS.gain(0.5)) == (0.5, -0.5)
    assert (ACCURACY.text(0.5), BITS.text(2.25)) == ("50.00%", "2.2500")
    assert (ACCURACY.difference(-0.01), BITS.difference(0.1)) == ("-1.00", "+0.1000")
