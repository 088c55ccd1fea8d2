"""Deep stages of every family learn: a signal passes fresh blocks, and digits are learnt."""

import runpy

import pytest
import torch

from mathdesign.export.convnet import build
from mathdesign.spaces.convnet.families import BODY_FAMILIES
from mathdesign.validators.randomised import differing_images
from mathdesign.validators.training.images import initialised
from tests.places import ROOT

torch.set_num_threads(1)
TRAINABLE = runpy.run_path(str(ROOT / "benchmarks" / "trainable.py"))
KINDS = tuple(TRAINABLE["kinds"]())
#: Epochs to 95%. A layer scale that begins at 1e-6 takes longer to let its blocks speak.
EPOCHS = {
    "bottleneck": 4, "inverted_residual, squeeze_excitation": 4, "basic": 4, "convnext": 4,
    "convnext, as_published": 7, "regnet": 4, "depthwise_separable": 4,
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_signal_passes_thirty_fresh_blocks_unchanged(kind):
    """Each block but the first begins as its shortcut: SiLU after the sum would halve what is small."""
    module = initialised(lambda: build(TRAINABLE["network"](kind, 30)), 0).train()
    stem, blocks = module.stages[0], module.stages[1]
    with torch.no_grad():
        entered = blocks[0](stem(differing_images(16, 1, TRAINABLE["SIZE"])))
        left = blocks[1:](entered.clone())
    assert float((left - entered).abs().max()) < 1e-3 * float(entered.abs().max())


@pytest.mark.parametrize("kind", EPOCHS)
def test_thirty_blocks_learn_the_digits(kind):
    assert TRAINABLE["accuracy"](kind, 30, EPOCHS[kind]) >= 0.95


def test_every_family_is_held_to_it():
    assert {kind.split(",")[0] for kind in EPOCHS} == set(BODY_FAMILIES)
    assert set(EPOCHS) <= set(KINDS)
