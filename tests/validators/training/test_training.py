"""Short training: it learns, it repeats, it leaves the outside alone."""

import pytest
import torch

from mathdesign.export.convnet import build
from mathdesign.spaces.convnet.network import Network
from mathdesign.validators.training.curves import curve_png
from mathdesign.validators.training.data import Images, Split, load, split
from mathdesign.validators.training.images import (
    TrainingDiverged,
    initialised,
    mirrored,
    schedule,
    shifted,
    train,
)
from mathdesign.validators.training.recipe import TrainingOptions

STEM = {"name": "stem", "role": "stem", "family": "conv", "stride": 1, "width": 16,
        "kernel_size": 3, "depth": 1}  # fmt: skip
BODY = {"role": "body", "family": "basic", "kernel_size": 3, "depth": 1}
END = {"name": "end", "role": "classifier", "family": "classifier", "stride": 1, "width": 10,
       "depth": 1}  # fmt: skip
TINY = Network.from_dict(
    {
        "name": "tiny",
        "input": {"channels": 1, "size": 8},
        "stages": [
            STEM,
            {**BODY, "name": "a", "stride": 1, "width": 16},
            {**BODY, "name": "b", "stride": 2, "width": 32},
            END,
        ],
    }
)
SHORT = TrainingOptions(epochs=2)
torch.set_num_threads(1)  # tiny tensors; several threads only wait for each other


@pytest.fixture(scope="module")
def digits() -> Split:
    return split(load("digits", channels=1, size=8, classes=10), seed=0)


def module(seed: int = 0) -> torch.nn.Module:
    return initialised(lambda: build(TINY), seed)


def test_a_tiny_network_learns_the_digits(digits):
    result = train(module(), digits, TrainingOptions(epochs=16))
    assert result.test_accuracy >= 0.95  # 15 thousand weights; the designed example reaches 97%
    assert [epoch.number for epoch in result.curve] == list(range(1, 17))
    assert result.curve[-1].train_loss < result.curve[0].train_loss
    assert result.images == (len(digits.train), len(digits.validation), len(digits.test))
    assert (result.data, result.split_seed) == ("digits", 0)


def test_one_seed_one_result_and_no_trace_in_the_global_generator(digits):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    results = [train(module(), digits, SHORT) for _ in range(2)]
    other = train(module(), digits, TrainingOptions(epochs=2, seed=1))
    assert torch.equal(torch.get_rng_state(), state)
    losses = [[(e.train_loss, e.validation_loss) for e in r.curve] for r in (*results, other)]
    assert losses[0] == losses[1] != losses[2]
    assert results[0].test_loss == results[1].test_loss


def test_seeds_make_weights(digits):
    weights = [module(seed).classifier.linear.weight for seed in (0, 0, 1)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_threads_are_put_back(digits):
    few = Split(digits.images, digits.train[:8], digits.validation[:8], digits.test[:8], 0)
    before = torch.get_num_threads()
    train(module(), few, TrainingOptions(epochs=1, threads=before + 1))
    assert torch.get_num_threads() == before


def test_stochastic_gradient_descent_learns_too(digits):
    options = TrainingOptions(
        epochs=10, optimizer="sgd", learning_rate=0.1, weight_decay=5e-4, crop=False
    )
    assert train(module(), digits, options).test_accuracy > 0.9


def test_progress_counts_every_step(digits):
    seen = []
    train(module(), digits, SHORT, seen.append)
    assert [p.step for p in seen] == list(range(1, seen[0].steps + 1))
    assert seen[0].last is None
    assert seen[-1].last.number == 1


@pytest.mark.parametrize("rate", [1e30, 1e35])
def test_divergence_is_an_error_that_names_its_step(digits, rate):
    with pytest.raises(TrainingDiverged, match=r"the loss is .* at step \d+; lower"):
        train(module(), digits, TrainingOptions(epochs=2, learning_rate=rate))


def test_fewer_images_than_a_batch(digits):
    few = Split(digits.images, digits.train[:5], digits.validation, digits.test, 0)
    assert len(train(module(), few, SHORT).curve) == 2


def test_the_learning_rate_rises_then_falls_to_nothing():
    rates = [schedule(step, 100, 0.1) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 0.001
    assert schedule(0, 1, 0.1) == 1.0


def test_shifted_images_keep_their_content_and_mirrored_ones_theirs():
    images = torch.zeros(64, 2, 8, 8)
    images[:, 0, 4, 4] = 1.0
    moved = shifted(images, 1, torch.Generator().manual_seed(0))
    assert moved.shape == images.shape
    places = {tuple(place) for place in moved[:, 0].nonzero()[:, 1:].tolist()}
    assert places == {(r, c) for r in (3, 4, 5) for c in (3, 4, 5)}
    assert moved[:, 0].sum() == 64
    assert moved[:, 1].sum() == 0
    flipped = mirrored(images, torch.Generator().manual_seed(0))
    assert {place[1] for place in flipped[:, 0].nonzero()[:, 1:].tolist()} == {3, 4}


def test_images_are_normalised_by_the_training_part():
    import numpy as np

    from mathdesign.validators.training.images import _Run

    pixels = np.arange(60 * 3 * 8 * 8, dtype=np.uint64).astype(np.uint8).reshape(60, 3, 8, 8)
    pixels[:, 1] //= 3
    pixels[40:] = 255  # what is held out must not matter
    images = Images("ramp", pixels, np.arange(60) % 10, tuple("0123456789"), mirrored=True)
    parts = np.arange(40), np.arange(40, 50), np.arange(50, 60)
    colour = Network.from_dict({**TINY.to_dict(), "input": {"channels": 3, "size": 8}})
    run = _Run(build(colour), Split(images, *parts, seed=0), SHORT, None)
    batch = run.batch(torch.arange(40), augment=False)
    assert batch.mean(dim=(0, 2, 3)).abs().max() < 1e-5
    assert (batch.std(dim=(0, 2, 3), correction=0) - 1).abs().max() < 1e-4


def test_the_curve_becomes_a_picture(digits, tmp_path):
    result = train(module(), digits, SHORT)
    one, two = (curve_png(result.curve, "a $b_ title") for _ in range(2))
    assert one.startswith(b"\x89PNG") and one == two
