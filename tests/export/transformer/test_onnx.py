"""What onnxruntime computes is what torch computes."""

import numpy as np
import pytest
import torch

from mathdesign.export.transformer.module import build
from mathdesign.export.transformer.onnx import write_onnx
from tests.export.transformer.test_module import SMALL, inputs

torch.set_num_threads(1)


@pytest.mark.parametrize("name", ["mixed", "relative", "pair", "hierarchical"])
def test_onnxruntime_agrees(name, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    net = SMALL[name]
    module = build(net).eval()
    path = write_onnx(net, module, tmp_path / "model.onnx", batch=2)
    given = inputs(net, batch=2, device="cpu")
    if net.image is not None:
        given = (torch.rand(given[0].shape, generator=torch.Generator().manual_seed(0)),)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]
    (found,) = session.run(None, {k: v.numpy() for k, v in zip(names, given)})
    with torch.no_grad():
        expected = module(*given).numpy()
    assert np.abs(found - expected).max() < 1e-4
    assert np.abs(expected).max() > 1e-3
