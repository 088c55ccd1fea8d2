"""A module as ONNX, run in onnxruntime: the same outputs as torch, or an error.

Weights and statistics are drawn at random on a copy, because a freshly built network may give the
same output to every input; outputs have to vary, and are compared relative to how much they do.
"""

from __future__ import annotations

import io
import logging
import warnings
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

from mathdesign.validators.randomised import differing_images, randomised, variation

if TYPE_CHECKING:
    from torch import nn

#: Outputs may differ by this, relative to how far they vary from image to image.
TOLERANCE = 1e-3
IMAGES = 4


class OnnxMismatch(Exception):
    """onnxruntime computes something else than torch."""


class ConstantOutput(OnnxMismatch):
    """Every image has the same output: there is nothing to compare."""


def check_onnx(module: nn.Module, channels: int, size: int, seed: int = 0) -> float:
    """Greatest difference on a few images, relative to the outputs' variation among them.

    The module is left as it was. Raises :class:`OnnxMismatch` above 1e-3, :class:`ConstantOutput`
    where the output does not depend on the image, ``ImportError`` without the packages.
    """
    import numpy as np
    import onnxruntime
    import onnxscript  # noqa: F401  (what torch exports through)
    import torch

    images = differing_images(IMAGES, channels, size, seed)
    module = randomised(module, images, seed=seed)
    with torch.no_grad():
        expected = torch.cat([module(image[None]) for image in images])
    scale = variation(expected)
    if not scale > 0:
        raise ConstantOutput(
            f"{IMAGES} images have the same output under random weights: nothing was compared"
        )
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(module, (images[:1],), dynamo=True, verbose=False)
    assert program is not None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString(), options)
    name = session.get_inputs()[0].name
    found = [session.run(None, {name: image[None].numpy()})[0] for image in images]
    difference = float((torch.from_numpy(np.concatenate(found)) - expected).abs().max()) / scale
    if not difference <= TOLERANCE:
        raise OnnxMismatch(f"onnxruntime and torch differ by {difference:.2e}, above {TOLERANCE:g}")
    return difference
