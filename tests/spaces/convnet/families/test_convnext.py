"""ConvNeXt-T is a point of family ``convnext`` as published; without the option nothing changes."""

import numpy as np
import pytest
import torch

from mathdesign.export.convnet import build, source
from mathdesign.kinds.load import loads
from mathdesign.programs.evaluate import Evaluator
from mathdesign.solvers import SolveOptions, backend
from mathdesign.spaces.convnet.network import Network, NetworkError
from mathdesign.spaces.convnet.pose import to_program
from mathdesign.spec.faults import SpecError
from mathdesign.validators.convnet.recheck import count, recheck
from mathdesign.validators.convnet.recount import recount
from mathdesign.validators.training.data import load, split
from mathdesign.validators.training.images import TrainingOptions, initialised, train

torch.set_num_threads(1)  # tiny tensors; several threads only wait for each other

TINY = """\
space:
  family: convnext
  input: {channels: 3, size: 224}
  classes: 1000
  stem: {family: patchify, width: 96, kernel_size: 4, stride: 4}
  stages:
    - {stride: 1, width: 96, bottleneck: 384, kernel_size: 7, depth: 3, shortcut: identity,
       as_published: true}
    - {stride: 2, width: 192, bottleneck: 768, kernel_size: 7, depth: 3, as_published: true}
    - {stride: 2, width: 384, bottleneck: 1536, kernel_size: 7, depth: 9, as_published: true}
    - {stride: 2, width: 768, bottleneck: 3072, kernel_size: 7, depth: 3, as_published: true}
  classifier: normed_classifier
"""
SMALL = """\
space:
  family: convnext
  input: {channels: 1, size: 8}
  classes: 10
  stem: {family: patchify, width: 16, kernel_size: 2, stride: 2}
  stages:
    - {stride: 1, width: 16, bottleneck: 64, kernel_size: 3, depth: 10, shortcut: identity,
       as_published: true}
  classifier: normed_classifier
"""
#: Counted on torchvision 0.29.1's convnext_tiny at 224 pixels with torch.utils.flop_counter (two
#: operations a multiply-add); its documentation lists the same parameters and 4.456 G.
PARAMS, MACS = 28_589_128, 4_455_531_264


def only(text: str) -> tuple[Network, dict[str, int]]:
    """The only network of a specification, and its metrics by the program."""
    program = to_program(loads(text))
    point = [d.values[0] for stage in program.program.stages for d in stage.decisions]
    metrics = Evaluator(program.program).metrics(np.array(point))
    network = Network.from_point(program.space, point, "only")
    return network, {name: int(value[0]) for name, value in metrics.items()}


def test_convnext_t_counts_exactly():
    network, metrics = only(TINY)
    counted, built = recheck(network).metrics, recount(build(network), 3, 224)
    assert metrics["params"] == counted["params"] == built.params == PARAMS
    assert metrics["macs"] == counted["macs"] == built.macs == MACS
    assert recheck(network).layers[-1] == 1 + 3 * (3 + 3 + 9 + 3)


def test_without_the_option_it_is_the_block_it_was():
    text = TINY.replace("as_published: true", "").replace("\n  classifier: normed_classifier", "")
    text = text.replace("{family: patchify, width: 96, kernel_size: 4, stride: 4}", "{width: 96}")
    network, metrics = only(text.replace(",\n       }", "}").replace(", }", "}"))
    assert (metrics["params"], metrics["macs"]) == (25_808_584, 16_554_859_008)
    assert "Published" not in source(network)
    assert count(network, "macs") == metrics


def test_the_program_chooses_among_published_stages():
    text = SMALL.replace("width: 16, bottleneck: 64", "width: [8, 16], bottleneck: 16..64/16")
    text = text.replace("depth: 10", "depth: 1..3").replace(
        "width: 16, kernel", "width: [8, 16], kernel"
    )
    problem = to_program(loads(text + "budgets: {params: 5k, effectiveness: 0.5}")).program
    best = backend("brute").solve(problem, SolveOptions(gap=0))
    for name in ("exact", "highs"):
        found = backend(name).solve(problem, SolveOptions(gap=0))
        assert found.objective == pytest.approx(best.objective, rel=1e-6)


@pytest.mark.parametrize(
    ("this", "that", "path", "message"),
    [
        ("kernel_size: 2", "kernel_size: 3", "stem.kernel_size", "found 3; accepted: 2, the stride"),
        ("stride: 2", "stride: 1", "stem.stride", "found 1; accepted: 2 or 4"),
        ("family: patchify, ", "", "stem.kernel_size", "even kernel sizes"),
        ("patchify", "patchfy", "stem.family", "did you mean patchify?"),
        ("normed_classifier", "classifer", "space.classifier", "did you mean classifier?"),
        ("family: convnext", "family: bottleneck", "as_published", "only family convnext"),
        ("as_published", "as_publishd", "as_publishd", "did you mean as_published?"),
    ],
)  # fmt: skip
def test_its_faults(this, that, path, message):
    with pytest.raises(SpecError) as caught:
        loads(SMALL.replace(this, that, 1))
    assert any(path in fault.path and message in str(fault) for fault in caught.value.faults)


@pytest.mark.parametrize(
    ("stage", "key", "value", "message"),
    [
        (0, "kernel_size", 3, "patches of 3 pixels at stride 2"),
        (0, "stride", 8, "stride 8; accepted: 2 or 4"),
        (2, "family", "classifier", ""),
    ],
)
def test_networks_as_data(stage, key, value, message):
    network, _ = only(SMALL)
    data = network.to_dict()
    assert Network.from_dict(data) == network
    data["stages"][stage][key] = value
    if message:
        with pytest.raises(NetworkError, match=message):
            Network.from_dict(data)
    else:
        without = count(Network.from_dict(data), "macs")["params"]
        assert count(network, "macs")["params"] - without == 2 * 16


def test_odd_sides_are_filled_up():
    network, _ = only(TINY.replace("size: 224", "size: 41"))
    assert [s.shape.resolution_out for s in network.stages] == [11, 11, 6, 3, 2, 1]
    assert recount(build(network), 3, 41).macs == recheck(network).metrics["macs"]


def test_blocks_start_close_to_their_shortcut_and_ten_learn_the_digits():
    network, _ = only(SMALL)
    module = initialised(lambda: build(network), 0).eval()
    x = torch.rand(2, 16, 4, 4)
    with torch.no_grad():
        assert torch.allclose(module.stages[1](x), x, atol=1e-4)
    digits = split(load("digits", channels=1, size=8, classes=10), seed=0)
    assert train(module, digits, TrainingOptions(epochs=8)).test_accuracy >= 0.8
