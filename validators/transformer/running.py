"""The built module of a transformer, run: it gives numbers, and uses what it reads and holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mathdesign.spaces.transformer.network import Transformer
from mathdesign.validators.errors import RecheckError
from mathdesign.validators.randomised import DoesNotWork, check_influence, differing_images

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Sequences, and tokens of each; networks above so many weights are counted only.
ROWS, TOKENS, LARGEST = 4, 16, 30_000_000


def check_runs(network: Transformer, module: nn.Module) -> None:
    """Forward and backward with random weights. Raises :class:`RecheckError`."""
    try:
        check_influence(module, lambda seed: inputs(network, seed), _idle(network))
    except DoesNotWork as error:
        raise RecheckError(str(error)) from None


def _idle(network: Transformer) -> str:
    """Softmax takes no notice of what is added to all scores of a query, nor of any one score alone."""
    alone = network.context == 1 or any(x.window == 1 for s in network.stacks for x in s.layers)
    return r"\.(query|key|query_norm|key_norm)\." if alone else r"\.key\.bias$"


def inputs(network: Transformer, seed: int) -> tuple[Tensor, ...]:
    """A few images, or sequences of random tokens (two for an encoder-decoder)."""
    import torch

    if network.image is not None:
        return (differing_images(ROWS, network.image.channels, network.image.size, seed),)
    generator = torch.Generator().manual_seed(seed)
    shape = (2, ROWS, min(TOKENS, network.context))
    given = torch.randint(0, network.vocabulary, shape, generator=generator)
    return tuple(given) if network.kind == "encoder_decoder" else (given[0],)
