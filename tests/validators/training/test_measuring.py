"""Memory before a run, CIFAR's pickles, simulated entropy, ONNX, latency."""

import math
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from mathdesign.export.convnet import build
from mathdesign.spaces.convnet.network import Network
from mathdesign.validators.convnet import monte_carlo
from mathdesign.validators.convnet.monte_carlo import EntropyMismatch, check_entropy, simulate
from mathdesign.validators.randomised import differing_images, randomised, variation
from mathdesign.validators.training import memory, onnx_check
from mathdesign.validators.training.data import DataError, load
from mathdesign.validators.training.latency import measure
from mathdesign.validators.training.onnx_check import (
    Agreement,
    ConstantOutput,
    OnnxMismatch,
    Uncomparable,
    check_onnx,
)

END = {"name": "end", "role": "classifier", "family": "classifier", "stride": 1, "width": 10,
       "depth": 1}  # fmt: skip


def network(family: str, **words) -> Network:
    stem = {"name": "stem", "role": "stem", "family": "conv", "stride": 1, "width": 16,
            "kernel_size": 3, "depth": 1}  # fmt: skip
    body = {"name": "a", "role": "body", "family": family, "stride": 2, "width": 24,
            "kernel_size": 5, "depth": 3, **words}  # fmt: skip
    document = {"name": "n", "input": {"channels": 3, "size": 16}, "stages": [stem, body, END]}
    return Network.from_dict(document)


NETWORKS = {
    "basic": network("basic"),
    "bottleneck": network("bottleneck", bottleneck=8),
    "inverted_residual": network("inverted_residual", bottleneck=48, squeeze_excitation=True),
    "convnext": network("convnext", bottleneck=96),
}


@pytest.mark.parametrize("family", NETWORKS)
def test_the_closed_form_of_the_entropy_is_what_a_simulation_gives(family):
    found = check_entropy(NETWORKS[family])
    assert 0 < found.error < 0.5
    assert found.closed_form > 10 * found.error


def test_a_wrong_closed_form_is_found(monkeypatch):
    true = simulate(NETWORKS["bottleneck"])
    wrong = true.closed_form + math.log(24 / 8)  # one layer's width for another's

    class Wrong:
        log_widths = (wrong,)

    monkeypatch.setattr(monte_carlo, "recheck", lambda net: Wrong)
    with pytest.raises(EntropyMismatch, match="closed form"):
        check_entropy(NETWORKS["bottleneck"])


@pytest.mark.parametrize(
    "simulated", [(-math.inf, 0.1), (math.nan, 0.1), (1.0, math.nan), (1.0, math.inf)]
)
def test_a_simulation_that_says_nothing_is_no_agreement(monkeypatch, simulated):
    """A signal that vanished, a single draw: no comparison with such numbers is ever false."""
    found = monte_carlo.Simulation(*simulated, closed_form=1.0, layers=3)
    monkeypatch.setattr(monte_carlo, "simulate", lambda net, seed: found)
    with pytest.raises(EntropyMismatch, match="closed form"):
        check_entropy(NETWORKS["basic"])


def test_one_draw_has_no_error_and_so_shows_nothing(monkeypatch):
    one = simulate(NETWORKS["basic"], draws=1)
    assert not math.isfinite(one.error)
    monkeypatch.setattr(monte_carlo, "simulate", lambda net, seed: one)
    with pytest.raises(EntropyMismatch):
        check_entropy(NETWORKS["basic"])


def test_the_simulation_is_unbiased_over_seeds():
    errors = [
        (found.simulated - found.closed_form) / found.error
        for found in (simulate(NETWORKS["basic"], seed) for seed in range(20))
    ]
    assert abs(np.mean(errors)) < 4 / len(errors) ** 0.5
    assert np.std(errors) < 2


@pytest.mark.parametrize("family", ["basic", "inverted_residual"])
def test_onnxruntime_computes_the_same(family):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    found = check_onnx(build(NETWORKS[family]), 3, 16)
    assert found.onnx <= found.limit < 1e-4


@pytest.mark.parametrize("family", ["basic", "inverted_residual"])
@pytest.mark.parametrize("changed", ["stages.0.0.conv.weight", "stages.1.2.conv2.weight"])
def test_a_module_that_is_not_the_same_in_onnx_is_found(monkeypatch, family, changed):
    """Also inside a block whose last norm begins at zero, where no output of a fresh module looks."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    module = build(NETWORKS[family])
    exported = torch.onnx.export

    def other(given, *arguments, **words):
        weight = dict(given.named_parameters())[changed]
        with torch.no_grad():
            weight.mul_(1.05)
        program = exported(given, *arguments, **words)
        with torch.no_grad():
            weight.div_(1.05)
        return program

    monkeypatch.setattr(torch.onnx, "export", other)
    with pytest.raises(OnnxMismatch, match="differ"):
        check_onnx(module, 3, 16)


@pytest.mark.parametrize(
    ("family", "operation"),
    [("basic", "Add"), ("basic", "Relu"), ("inverted_residual", "Add"),
     ("inverted_residual", "Sigmoid")],
)  # fmt: skip
def test_an_export_that_leaves_out_an_operation_is_found(monkeypatch, family, operation):
    """The last residual sum, an activation: shapes agree, nothing else says so."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    onnx = pytest.importorskip("onnx")
    exported = onnx_check.exported

    def wrong(given, example):
        model = onnx.load_from_string(exported(given, example))
        node = [n for n in model.graph.node if n.op_type == operation][-1]
        node.op_type = "Identity"
        del node.input[1:]
        return model.SerializeToString()

    monkeypatch.setattr(onnx_check, "exported", wrong)
    with pytest.raises(OnnxMismatch, match="differ"):
        check_onnx(build(NETWORKS[family]), 3, 16)


def test_what_onnx_may_err_by_is_a_multiple_of_what_torch_does():
    assert Agreement(onnx=1e-3, torch=1e-4).limit == pytest.approx(1.6e-3)
    assert Agreement(onnx=0.0, torch=0.0).limit == 1e-5
    with pytest.raises(Uncomparable, match="single precision"):
        _ = Agreement(onnx=0.1, torch=0.1).limit
    with pytest.raises(Uncomparable):
        _ = Agreement(onnx=0.1, torch=math.nan).limit


def test_rounding_is_not_blown_up_by_a_deep_chain_of_linear_ends():
    """Thirty blocks with squeeze-and-excitation: single precision errs by far less than it did."""
    stages = [{**network("inverted_residual", bottleneck=48, squeeze_excitation=True).to_dict()}]
    document = {**stages[0], "stages": [dict(stage) for stage in stages[0]["stages"]]}
    document["stages"][1]["depth"] = 30
    module = build(Network.from_dict(document))
    images = differing_images(4, 3, 16)
    drawn = randomised(module, images)
    with torch.no_grad():
        single = drawn(images)
        double = drawn.double()(images.double())
    error = float((single.double() - double).abs().max()) / variation(double)
    assert 0 < error < 1e-4


class Forgetful(torch.nn.Module):
    """Scores with the right shape, weights and operations, of no image in particular."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, images):
        return self.inner(images * 0)


def test_a_constant_network_is_no_agreement():
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    with pytest.raises(ConstantOutput, match="the same output under random weights"):
        check_onnx(Forgetful(build(NETWORKS["basic"])), 3, 16)


def test_random_weights_leave_the_module_and_torch_as_they_were():
    module = build(NETWORKS["inverted_residual"])
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state = torch.get_rng_state()
    images = differing_images(4, 3, 16)
    one, two = (randomised(module, images, seed=seed) for seed in (0, 0))
    assert torch.equal(one(images), two(images))
    assert not torch.equal(one(images), randomised(module, images, seed=1)(images))
    assert variation(one(images).detach()) > 0.1
    assert variation(module.eval()(images).detach()[:1]) == 0
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(bool((p != 0).any()) for p in one.parameters())


def test_latency_is_measured_and_memory_holds_weights_and_features():
    module = build(NETWORKS["basic"])
    found = measure(module, 3, 16, repeats=5, warm_up=1, batch=4)
    assert 0 < found.fastest_ms <= found.quartiles_ms[0] <= found.median_ms <= found.quartiles_ms[1]
    weights = 4 * sum(p.numel() for p in module.parameters())
    assert found.weight_bytes == weights
    one_feature = 4 * 4 * 16 * 16 * 16
    assert weights + one_feature < found.peak_bytes < weights + 20 * one_feature


def test_a_batch_is_as_large_as_memory_allows(monkeypatch):
    module = build(NETWORKS["basic"])
    each = memory.saved_bytes(module, (3, 16, 16))
    assert each > 4 * 16 * 16 * 16  # at least the stem's features
    monkeypatch.setattr(memory, "free_bytes", lambda device: 10 * each / memory.SHARE)
    assert memory.fitting_batch(module, (3, 16, 16), 64) == 10
    assert memory.fitting_batch(module, (3, 16, 16), 4) == 4
    monkeypatch.setattr(memory, "free_bytes", lambda device: each)
    with pytest.raises(MemoryError, match="smaller"):
        memory.fitting_batch(module, (3, 16, 16), 64)
    monkeypatch.setattr(memory, "free_bytes", lambda device: None)
    assert memory.fitting_batch(module, (3, 16, 16), 64) == 64


def batches(folder: Path, changes=()) -> Path:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for i in range(1, 6):
        content = {
            b"data": rng.integers(0, 256, (6, 3072), dtype=np.uint8),
            b"labels": [0, 1, 2, 0, 1, 2],
            **dict(changes),
        }
        (folder / f"data_batch_{i}").write_bytes(pickle.dumps(content, protocol=2))
    meta = {b"label_names": [b"cat", b"dog", b"owl"]}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta, protocol=2))
    return folder


def test_cifar_batches_are_read(tmp_path):
    images = load(batches(tmp_path / "c"), channels=3, size=32, classes=3)
    assert images.classes == ("cat", "dog", "owl")
    assert images.pixels.shape == (30, 3, 32, 32)
    first = pickle.loads((tmp_path / "c/data_batch_1").read_bytes())[b"data"][0]
    assert (images.pixels[0] == first.reshape(3, 32, 32)).all()
    assert len(load(tmp_path / "c", channels=1, size=16, classes=3, limit=7)) == 7


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("touched-by-batch"),))


def test_bad_batches_are_named_and_run_no_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for changes, words in (
        ({b"labels": [0, 1]}, "labels"),
        ({b"labels": [0, 1, 2, 0, 1, 9]}, "out of range"),
        ({b"data": np.zeros((6, 10), dtype=np.uint8)}, "3072"),
        ({b"data": Evil()}, "readable"),
    ):
        with pytest.raises(DataError, match=words):
            load(batches(tmp_path / "c", changes), channels=3, size=32, classes=3)
    assert not Path("touched-by-batch").exists()
    (tmp_path / "c/data_batch_1").write_bytes(b"\x80\x02}")
    with pytest.raises(DataError, match="data_batch_1"):
        load(tmp_path / "c", channels=3, size=32, classes=3)
