"""What runs beside an operator's matrix and is no part of its key: activation, norm, mask, bias.

A key says what is counted. What a convolution is followed by, which norm a stack has and whether
attention looks back only is the same all over a space, so it is read off one of its networks, and
stands in the header of a table, because it takes time too.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

#: Activations by the name of their class in torch.
ACTIVATIONS = {
    "ReLU": "relu", "ReLU6": "relu6", "SiLU": "silu", "GELU": "gelu", "Hardswish": "hardswish",
}  # fmt: skip
NONE = "none"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Of the operators of a space. ``activation``: behind convolutions; ``norm``: ``layer`` or ``rms``.

    ``causal``: attention sees earlier tokens only; ``bias``: linear maps have one.
    """

    activation: str = "relu"
    norm: str = "layer"
    causal: bool = False
    bias: bool = True

    @classmethod
    def of(cls, module: nn.Module, *, causal: bool) -> Surroundings:
        """What most of the parts of ``module`` have."""
        from torch import nn

        seen = [type(part).__name__ for part in module.modules()]
        acts = Counter(ACTIVATIONS[name] for name in seen if name in ACTIVATIONS)
        rms = sum(name == "RMSNorm" for name in seen)
        linears = [
            part.bias is not None for part in module.modules() if isinstance(part, nn.Linear)
        ]
        return cls(
            # Of equally many the first by name: a network always reads the same.
            activation=min(acts, key=lambda name: (-acts[name], name), default=NONE),
            norm="rms" if rms > seen.count("LayerNorm") else "layer",
            causal=causal,
            bias=2 * sum(linears) > len(linears),
        )

    def words(self) -> str:
        """One line for headers."""
        mask = "causal attention" if self.causal else "attention to all"
        bias = "biases" if self.bias else "no biases"
        return f"{self.activation} behind convolutions, {self.norm} norms, {mask}, {bias}"
