"""``validate --against`` of decoders and vision transformers, as a user runs it."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

import mathdesign
from mathdesign.cli.main import app
from tests.evidence.test_recipes import DECODER, VIT

TEXT = "".join(f"{i}. the same words again.\n" for i in range(450))
BRIEF = ("--steps", "4", "--batch-size", "4", "--seeds", "2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Designs of three kinds and a text."""
    found = tmp_path_factory.mktemp("against")
    (found / "words.txt").write_text(TEXT)
    encoder = DECODER.replace("decoder_lm", "encoder")
    for name, words in (("decoder", DECODER), ("vit", VIT), ("encoder", encoder)):
        mathdesign.design(mathdesign.loads(f"name: {name}{words}")).save(found / f"{name}.yaml")
    return found


@pytest.fixture
def run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)

    def validate(design: str, *words: str) -> Result:
        return CliRunner().invoke(app, ["validate", f"{design}.yaml", "-o", str(tmp_path), *words])

    return validate


def test_a_decoder_against_its_rivals(run, tmp_path: Path):
    words = ("--data", "words.txt", *BRIEF, "--against", "random:1,gpt2,llama,volume")
    done = run("decoder", *words, "--json")
    assert done.exit_code == 0, done.output
    study = json.loads(done.stdout)["study"]
    assert [row["network"] for row in study["rows"]] == ["design", "random1", "gpt2", "llama"]
    assert all(row["done"] == 2 and row["bits_per_byte"] > 0 for row in study["rows"])
    assert all(row["params"] <= 24_000 for row in study["rows"])
    assert [v["baseline"] for v in study["verdicts"]] == ["gpt2", "llama", "random, mean"]
    assert all(v["seeds"] == 2 and v["p"] is not None for v in study["verdicts"])
    assert study["skipped"] == [
        {"rival": "volume", "reason": "the design itself maximises it"},
    ]
    assert study["recipe"]["options"]["steps"] == 4
    assert {"study.json", "study.csv", "card.html"} <= {p.name for p in tmp_path.iterdir()}
    before = (tmp_path / "study.json").read_text()
    again = run("decoder", *words)  # nothing is trained anew
    assert again.exit_code == 0 and (tmp_path / "study.json").read_text() == before
    for said in ("gpt2 by hand: 1 layer of", "volume: skipped: the design itself", "no difference",
                 "4 steps of 64 tokens", "bits per byte", "p (Holm)"):  # fmt: skip
        assert said in again.output, said


def test_a_vision_transformer_against_its_rivals(run):
    done = run("vit", "--epochs", "1", "--limit", "300", "--seeds", "1", "--against", "vit,macs")
    assert done.exit_code == 0, done.output
    assert "vit by hand: " in done.output and "test accuracy" in done.output
    assert "one seed: no verdict" in done.output


@pytest.mark.parametrize(
    ("design", "words", "found"),
    [
        (
            "decoder",
            ["--against", "vit,random:0"],
            "vit: no such rival; accepted: random:N, params",
        ),
        ("vit", ["--against", "gpt2"], "entropy, non-embedding params, vit"),
        ("decoder", ["--against", "volume"], "--against: no rival is left"),
        ("decoder", ["--against", "gpt2", "--data", "no/such"], "no such file"),
        ("encoder", ["--against", "params"], "networks that read images or generate text"),
        ("vit", ["--against", "vit", "--size", "16"], "this network reads 8 pixels only"),
        ("decoder", ["--epochs", "3"], "--epochs: not accepted for networks that read text"),
        ("vit", ["--steps", "3"], "--steps: not accepted for networks that read images"),
        ("decoder", ["--steps", "1"], "--steps: found 1; accepted: greater than or equal to 2"),
    ],
)
def test_what_is_refused_is_refused_before_training(run, monkeypatch, design, words, found):
    for place in ("text.train_tokens", "images.train"):
        late = f"mathdesign.validators.training.{place}"
        monkeypatch.setattr(late, lambda *_, **__: pytest.fail("trained first"))
    done = run(design, *words)
    assert done.exit_code == 2, (done.output, done.exception)
    assert found in done.output


def test_without_rivals_the_options_of_text_hold_too(run, tmp_path: Path):
    done = run("decoder", "--data", "words.txt", *BRIEF[:4], "--json")
    assert done.exit_code == 0, done.output
    options = json.loads(done.stdout)["training"]["options"]
    assert (options["steps"], options["batch_size"]) == (4, 4)
