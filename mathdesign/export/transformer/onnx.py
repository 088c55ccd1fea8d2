"""A transformer as ONNX, for one batch size and length."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from mathdesign.files import write_atomic
from mathdesign.spaces.transformer.network import Transformer

if TYPE_CHECKING:
    from torch import Tensor, nn


def example(net: Transformer, batch: int = 1, length: int | None = None) -> tuple[Tensor, ...]:
    """Zeros of the shape that the module of ``net`` takes (``length`` tokens; default: all)."""
    import torch

    if net.image is not None:
        image = net.image
        return (torch.zeros(batch, image.channels, image.size, image.size),)
    tokens = torch.zeros(batch, length or net.context, dtype=torch.long)
    return (tokens, tokens) if net.kind == "encoder_decoder" else (tokens,)


def write_onnx(
    net: Transformer, module: nn.Module, path: Path | str, batch: int = 1, length: int | None = None
) -> Path:
    """Write ``module`` with its weights. Raises ``ImportError`` without ``onnxscript``.

    Shapes are those of :func:`example`; causal layers of linear attention are written out chunk by
    chunk, which needs them fixed.
    """
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module.eval(), example(net, batch, length), dynamo=True, verbose=False
        )
    assert program is not None
    return write_atomic(path, program.model_proto.SerializeToString())
