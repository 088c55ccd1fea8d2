"""A module as ONNX, run in onnxruntime: the same outputs as torch, or an error."""

from __future__ import annotations

import copy
import io
import logging
import warnings
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

#: Outputs may differ by this, relative to max(1, their largest value).
TOLERANCE = 1e-4


class OnnxMismatch(Exception):
    """onnxruntime computes something else than torch."""


def check_onnx(module: nn.Module, channels: int, size: int, seed: int = 0) -> float:
    """Greatest relative difference on one random image; the module is left as it was.

    Raises :class:`OnnxMismatch` above 1e-4, ``ImportError`` without the packages.
    """
    import numpy as np
    import onnxruntime
    import onnxscript  # noqa: F401  (what torch exports through)
    import torch

    module = copy.deepcopy(module).cpu().eval()
    images = torch.randn(1, channels, size, size, generator=torch.Generator().manual_seed(seed))
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(module, (images,), dynamo=True, verbose=False)
    assert program is not None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString(), options)
    (found,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    with torch.no_grad():
        expected = module(images).numpy()
    difference = float(np.abs(found - expected).max() / max(1.0, float(np.abs(expected).max())))
    if not difference <= TOLERANCE:
        raise OnnxMismatch(f"onnxruntime and torch differ by {difference:.2e}, above {TOLERANCE:g}")
    return difference
