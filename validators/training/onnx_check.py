"""A module as ONNX, run in onnxruntime: the same outputs as torch, or an error.

Weights and statistics are drawn at random on a copy, because a freshly built network may give the
same output to every input; outputs have to vary, and are compared relative to how much they do.

Deep networks amplify rounding, some a thousandfold, and two correct programs in single precision
round differently. So both are held to torch in double precision, and ONNX may err by a small
multiple of what torch in single precision errs by. Where that says too little, since single
precision itself errs by percents, nothing is claimed (:class:`Uncomparable`).
"""

from __future__ import annotations

import io
import logging
import warnings
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mathdesign.validators.randomised import differing_images, randomised, variation

if TYPE_CHECKING:
    from torch import Tensor, nn

#: How many times the error of torch in single precision that of ONNX may be: the greatest of some
#: thousands of outputs, with sums in another order and other ways to convolve.
MULTIPLE = 16.0
#: What is never too much, relative to the outputs' variation: networks that hardly round.
FLOOR = 1e-5
#: What is always too much: a wrong operation shows in percents.
CEILING = 2e-2
IMAGES = 4


class OnnxMismatch(Exception):
    """onnxruntime computes something else than torch."""


class ConstantOutput(OnnxMismatch):
    """Every image has the same output: there is nothing to compare."""


class Uncomparable(Exception):
    """Single precision errs so much on this network that no difference would say anything."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Greatest differences from torch in double precision, relative to the outputs' variation.

    ``onnx`` of onnxruntime, ``torch`` of torch, both in single precision.
    """

    onnx: float
    torch: float

    @property
    def limit(self) -> float:
        """What ``onnx`` may be. Raises :class:`Uncomparable`."""
        if not MULTIPLE * self.torch <= CEILING:
            raise Uncomparable(f"torch itself errs by {self.torch:.1e} in single precision")
        return max(FLOOR, MULTIPLE * self.torch)


def check_onnx(
    module: nn.Module, channels: int, size: int | tuple[int, ...], seed: int = 0
) -> Agreement:
    """Compare on a few images; the module is left as it was.

    Raises :class:`OnnxMismatch` where they differ, :class:`ConstantOutput` where the output does not
    depend on the image, :class:`Uncomparable`, ``ImportError`` without the packages.
    """
    import copy

    import torch

    images = differing_images(IMAGES, channels, size, seed)
    module = randomised(module, images, seed=seed)
    with torch.no_grad():
        single = torch.cat([module(image[None]) for image in images])
        exact = copy.deepcopy(module).double()(images.double())
    scale = variation(exact)
    if not scale > 0:
        raise ConstantOutput(
            f"{IMAGES} images have the same output under random weights: nothing was compared"
        )
    found = _run(exported(module, images[:1]), images)
    errors = [float((outputs.double() - exact).abs().max()) / scale for outputs in (found, single)]
    agreement = Agreement(*errors)
    if not agreement.onnx <= agreement.limit:
        raise OnnxMismatch(
            f"onnxruntime and torch differ by {agreement.onnx:.2e}, above {agreement.limit:.2e} "
            f"({MULTIPLE:g} times what torch errs by in single precision)"
        )
    return agreement


def exported(module: nn.Module, example: Tensor) -> bytes:
    """The module as torch exports it."""
    import onnxscript  # noqa: F401  (what torch exports through)
    import torch

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(module, (example,), dynamo=True, verbose=False)
    assert program is not None
    written: bytes = program.model_proto.SerializeToString()
    return written


def _run(graph: bytes, images: Tensor) -> Tensor:
    """The outputs of onnxruntime, one image after the other."""
    import numpy as np
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options)
    name = session.get_inputs()[0].name
    found = [session.run(None, {name: image[None].numpy()})[0] for image in images]
    return torch.from_numpy(np.concatenate(found))
