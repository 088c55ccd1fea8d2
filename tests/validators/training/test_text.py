"""Text is read whole or refused by place; a language model learns from it, the same each time."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from mathdesign.export.transformer.module import build
from mathdesign.spaces.transformer.network import Layer, Stack, Transformer
from mathdesign.validators.training.checkpoint import CheckpointError
from mathdesign.validators.training.data import DataError
from mathdesign.validators.training.images import initialised
from mathdesign.validators.training.text import TextOptions, check_steps, train_text, train_tokens
from mathdesign.validators.training.text_data import encoding, load_text, tokenised

SHORT = TextOptions(steps=150, length=32, checks=3, held_out_tokens=4096, learning_rate=5e-3)


def small(vocabulary):
    stack = Stack(32, (Layer(2, 1, 16, 64, gated=True),) * 2)
    return Transformer("small", "decoder_lm", (stack,), vocabulary, 64)


@pytest.fixture(scope="module")
def python():
    return load_text(most_bytes=400_000)


def test_python_ships_with_a_text(python):
    assert python == load_text(most_bytes=400_000)
    assert 0.05 < len(python.held_out) / len(python.train) < 0.2


def test_a_file_and_a_folder(tmp_path):
    words = "".join(f"line {i} über\n" for i in range(2000))
    (tmp_path / "a.txt").write_text(words, encoding="utf-8")
    (tmp_path / "b.bin").write_bytes(b"\xff")
    file, folder = load_text(tmp_path / "a.txt"), load_text(tmp_path)
    assert file.sha256 == folder.sha256
    assert len(file.train) + len(file.held_out) == len(words.encode())


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"good\n" * 3000 + b"bad \xff\xfe", ":3001: byte 15004"), (b"short", "at least 10,000")],
)
def test_bad_text_is_refused_with_its_place(tmp_path, content, words):
    path = tmp_path / "x.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        load_text(path)


@pytest.mark.parametrize("source", ["missing", "."])
def test_nothing_to_read(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="no "):
        load_text(source)


def test_encodings(python):
    assert encoding(python, 256).encode(b"\x00\xff").tolist() == [0, 255]
    pairs = encoding(python, 400)
    ids = pairs.encode(python.held_out)
    assert ids.max() < 400
    assert len(ids) < 0.8 * len(python.held_out)
    assert np.array_equal(ids, encoding(python, 400).encode(python.held_out))
    with pytest.raises(DataError, match="256"):
        encoding(python, 255)


@pytest.mark.parametrize("vocabulary", [256, 400])
def test_a_model_learns_and_repeats(python, vocabulary):
    net, how = small(vocabulary), encoding(python, vocabulary)
    runs = [train_text(initialised(lambda: build(net), 3), python, how, SHORT) for _ in range(2)]
    bits = [check.bits_per_byte for check in runs[0].curve]
    assert [check.bits_per_byte for check in runs[1].curve] == bits
    counts = np.bincount(np.frombuffer(python.held_out, np.uint8), minlength=256)
    share = counts[counts > 0] / counts.sum()
    assert bits[-1] < min(bits[0], -(share * np.log2(share)).sum())
    assert runs[0].tokens == 150 * 8 * 32


def test_bits_per_byte_of_a_model_that_knows_nothing(python):
    class Even(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.level = torch.nn.Parameter(torch.zeros(1))

        def forward(self, tokens):
            return self.level.expand(*tokens.shape, 256)

    result = train_text(Even(), python, encoding(python, 256), dataclasses.replace(SHORT, steps=3))
    assert math.isclose(result.bits_per_byte, 8, rel_tol=1e-6)


BRIEF = dataclasses.replace(SHORT, steps=12, checks=4, held_out_tokens=512)


@pytest.fixture(scope="module")
def tokens(python):
    return tokenised(python, encoding(python, 256))


def run(tokens, options=BRIEF, **more):
    return train_tokens(initialised(lambda: build(small(256)), 3), tokens, options, **more)


def figures(result):
    return [(c.step, c.train_loss, c.bits_per_byte) for c in result.curve], result.tokens


def test_a_run_that_is_killed_goes_on_to_the_same_end(tokens, tmp_path):
    whole, file = run(tokens), tmp_path / "run.pt"

    def killed(report):
        if report.step == 8:  # after the second look, before the third
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tokens, checkpoint=file, on_progress=killed)
    seen = []
    resumed = run(tokens, checkpoint=file, on_progress=seen.append)
    assert seen[0].step == 7 and seen[0].last.words.startswith("held out")
    assert figures(resumed) == figures(whole) and resumed.seconds > 0
    assert figures(run(tokens, checkpoint=file)) == figures(whole)  # nothing is left to do


def test_a_run_until_a_look_is_the_beginning_of_the_whole_one(tokens, tmp_path):
    whole, file = run(tokens), tmp_path / "run.pt"
    half = run(tokens, checkpoint=file, until=2)
    assert figures(half)[0] == figures(whole)[0][:2] and half.tokens == whole.tokens // 2
    assert figures(run(tokens, checkpoint=file)) == figures(whole)


def test_a_file_of_another_run_is_refused(tokens, tmp_path):
    file = tmp_path / "run.pt"
    run(tokens, checkpoint=file, until=1)
    for change in ({"seed": 1}, {"steps": 13}, {"learning_rate": 1e-3}):
        with pytest.raises(CheckpointError, match="another run"):
            run(tokens, dataclasses.replace(BRIEF, **change), checkpoint=file)
    other = dataclasses.replace(tokens, train=tokens.train[::-1].copy())
    with pytest.raises(CheckpointError, match="another run"):
        run(other, checkpoint=file)


def test_looks_are_spread_evenly_and_the_last_is_at_the_end():
    assert check_steps(TextOptions(steps=100, checks=4)) == (25, 50, 75, 100)
    assert check_steps(TextOptions(steps=2, checks=5)) == (1, 2)
