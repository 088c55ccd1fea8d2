"""Fresh transformers of any width and depth pass signals on, and images are learnt by the deepest."""

import math
import runpy

import pytest
import torch

from mathdesign.export.transformer.module import build
from mathdesign.spaces.transformer.network import Style
from mathdesign.spaces.transformer.shape import VISION
from mathdesign.validators.randomised import differing_images
from mathdesign.validators.training.images import initialised
from tests.export.transformer.test_module import SMALL, inputs, text, uniform
from tests.places import ROOT

torch.set_num_threads(1)
TRAINABLE = runpy.run_path(str(ROOT / "benchmarks" / "trainable.py"))
#: Epochs to 95%; with four patches, as they are read sooner than sixteen.
EPOCHS = {"vit, 4 patches": 7, "hierarchical_vit": 8}
#: Decoders and encoders of thirty narrow layers, with each place that a norm can have.
DEEP = {
    style: text("decoder_lm", (uniform(30, 32, 2, 2, 64),), style=Style("rms", extra_norms=norms))
    for style, norms in {"plain": (), "sandwich": ("qk", "sandwich")}.items()
} | {"pair": text("encoder_decoder", (uniform(15, 32, 2, 2, 64),) * 2)}


def fresh(net):
    return initialised(lambda: build(net), 0)


def images():
    return differing_images(16, 1, TRAINABLE["SIZE"])


def rms(x):
    return float(x.detach().square().mean().sqrt())


@pytest.mark.parametrize("name", SMALL)
def test_maps_keep_the_scale_of_what_they_read(name):
    """Whatever their width: a fixed deviation of 0.02 leaves a tenth of it at width 32."""
    for path, part in fresh(SMALL[name]).named_modules():
        if isinstance(part, torch.nn.Linear | torch.nn.Conv2d) and not path.endswith(".out"):
            scale = rms(part.weight.detach()) * math.sqrt(part.weight[0].numel())
            assert 0.8 < scale < 1.25, path


@pytest.mark.parametrize("kind", TRAINABLE["PATCHES"])
def test_thirty_fresh_layers_are_near_their_shortcuts(kind):
    """The stream that leaves is the one that came, and every weight hears of the scores."""
    module = fresh(TRAINABLE["transformer"](kind, 30))
    streams = []
    for stack in module.stacks:
        stack.parts[0].register_forward_pre_hook(lambda _, given: streams.append(given[0]))
        stack.parts[-1].register_forward_hook(lambda *given: streams.append(given[-1]))
    module(images()).square().sum().backward()
    for entered, left in zip(streams[::2], streams[1::2]):
        assert rms(left - entered) < 0.5 * rms(entered)
    heard = [
        float(p.grad.norm() / p.detach().norm())
        for p in module.stacks.parameters()
        if p.grad.ndim > 1
    ]
    assert min(heard) > 0.03


@pytest.mark.parametrize("name", DEEP)
def test_thirty_fresh_layers_of_text_hear_of_the_scores(name):
    module = fresh(DEEP[name])
    module(*inputs(DEEP[name], batch=2, device="cpu")).square().mean().backward()
    stacks = [p for n, p in module.named_parameters() if p.ndim > 1 and "parts" in n]
    assert min(float(p.grad.norm() / p.detach().norm()) for p in stacks) > 1e-4


@pytest.mark.parametrize("kind", TRAINABLE["PATCHES"])
def test_a_fresh_network_sees_where_patches_are(kind):
    """Images whose quarters change places change the scores about as much as other images do."""
    module = fresh(TRAINABLE["transformer"](kind, 30))
    with torch.no_grad():
        scores, turned = module(images()), module(images().roll(4, -1).roll(4, -2))
    assert rms(turned - scores) > 0.5 * rms(scores - scores.mean(0))


@pytest.mark.parametrize("kind", EPOCHS)
def test_thirty_layers_learn_the_digits(kind):
    assert TRAINABLE["accuracy"](kind, 30, EPOCHS[kind]) >= 0.95


def test_every_family_that_reads_images_is_held_to_it():
    assert {kind.split(",")[0] for kind in EPOCHS} == set(VISION)
    assert set(EPOCHS) <= set(TRAINABLE["PATCHES"])
