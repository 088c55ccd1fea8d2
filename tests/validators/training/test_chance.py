"""A run that taught nothing is said to have taught nothing; one that did is left in peace."""

import dataclasses
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mathdesign.cli import training
from mathdesign.cli.session import Session
from mathdesign.export.convnet import build
from mathdesign.validators.training.chance import (
    accuracy_warning,
    context_free_bits,
    guess_probability,
    guessed_accuracy,
    text_warning,
)
from mathdesign.validators.training.data import load, split
from mathdesign.validators.training.images import train
from mathdesign.validators.training.recipe import TrainingOptions
from mathdesign.validators.training.text import TextOptions, train_text
from mathdesign.validators.training.text_data import encoding, load_text
from tests.validators.training.test_training import TINY

torch.set_num_threads(1)


def test_the_tail_is_that_of_the_binomial_distribution():
    for images, chance in ((1, 0.5), (17, 0.1), (60, 0.37)):
        mass = [
            math.comb(images, k) * chance**k * (1 - chance) ** (images - k)
            for k in range(images + 1)
        ]
        for right in range(images + 1):
            assert guess_probability(right, images, chance) == pytest.approx(
                sum(mass[right:]), rel=1e-9
            )
    assert guess_probability(3, 5, 1.0) == 1.0  # one class: every answer is right


def test_guessers_are_warned_of_and_learners_are_not():
    rng = np.random.default_rng(0)
    guessed = rng.binomial(359, 0.1, 4000) / 359
    assert np.mean([accuracy_warning(a, 359, 0.1) is None for a in guessed]) < 2e-3
    assert accuracy_warning(0.1031, 359, 0.1003) is not None  # ten digits, what came out once
    assert accuracy_warning(0.227, 359, 0.1003) is None  # little, but learnt
    assert accuracy_warning(0.9, 1000, 0.9) is not None  # nine in ten are of one class
    assert "1,000 images is not distinguishable from chance (90.00%)" in accuracy_warning(
        0.9, 1000, 0.9
    )
    assert guessed_accuracy(np.array([3, 3, 1, 0])) == 0.5


class Guesses(torch.nn.Module):
    """Looks at no image."""

    def __init__(self):
        super().__init__()
        self.scores = torch.nn.Parameter(torch.zeros(10))

    def forward(self, images):
        return self.scores.expand(len(images), -1)


def test_a_run_records_its_warning():
    digits = split(load("digits", channels=1, size=8, classes=10), seed=0)
    options = TrainingOptions(epochs=1)
    idle = train(Guesses(), digits, options)
    assert 0.1 <= idle.chance < 0.11
    assert "not distinguishable from chance" in idle.warning
    taught = train(build(TINY), digits, dataclasses.replace(options, epochs=4))
    assert taught.warning is None


@pytest.mark.parametrize("vocabulary", [256, 300])
def test_text_is_held_to_the_frequencies_of_tokens(vocabulary):
    text = load_text(most_bytes=200_000)
    how = encoding(text, vocabulary)
    held_out = how.encode(text.held_out)
    baseline = context_free_bits(how.encode(text.train), held_out, vocabulary)
    assert 3 < baseline * len(held_out) / len(text.held_out) < 8
    if vocabulary == 256:  # the entropy of the bytes held out, and what other frequencies cost
        counts = np.bincount(np.frombuffer(text.held_out, np.uint8), minlength=256)
        share = counts[counts > 0] / counts.sum()
        least = -(share * np.log2(share)).sum()
        assert least < baseline < 1.1 * least
    assert text_warning(baseline, baseline) is not None
    assert text_warning(baseline - 1e-6, baseline) is None


def test_a_language_model_without_context_is_warned_of():
    class Frequencies(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scores = torch.nn.Parameter(torch.zeros(256))

        def forward(self, tokens):
            return self.scores.expand(*tokens.shape, 256)

    text = load_text(most_bytes=200_000)
    options = TextOptions(steps=60, length=32, checks=1, held_out_tokens=4096, learning_rate=0.1)
    result = train_text(Frequencies(), text, encoding(text, 256), options)
    assert result.bits_per_byte < 8  # it learnt frequencies, and they are what it is held to
    assert "no better than" in result.warning


@pytest.mark.parametrize("quiet", [False, True])
def test_the_warning_is_on_the_terminal_and_in_the_file(tmp_path, capsys, monkeypatch, quiet):
    class Idle:
        name = "idle"
        kind = SimpleNamespace(drawn=lambda network: None)
        network = None
        build = Guesses

    words = training.TrainingSpec(data="digits", size=8, epochs=1)
    images = training.ReadsImages(1, 8, 10, fixed=False)
    code, document = training.train_on_images(Session(quiet=quiet), Idle(), images, words, tmp_path)
    assert code == 0
    said = capsys.readouterr().err
    assert "warning: test accuracy" in said
    written = json.loads((tmp_path / "training.json").read_text())
    assert written["warning"] == document["warning"]
    assert written["warning"] in " ".join(said.split())
