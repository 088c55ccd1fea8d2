"""What a family of blocks declares: its layer, its counting rule, its entropy term, its builder.

One module per family. Two descriptions stand side by side in it on purpose: closed-form
*monomials*, which the program is posed with, and an *unrolled list of layers*, which the
independent checks count one by one. A test holds them equal on random choices.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mathdesign.programs.stages import Derived, Monomial

if TYPE_CHECKING:
    from torch import nn

CountingProfile = Literal["macs", "tinynas"]
"""What is counted. ``macs``: multiply-adds of convolutions and linear layers, classifier
included, and all parameters. ``tinynas``: as the published DeepMAD code counts: batch norms
(2 per output value), activations (1 per value), stride-2 shortcut pooling; classifier excluded.
"""

StageRole = Literal["stem", "body", "head", "classifier"]


@dataclass(frozen=True, slots=True)
class StageShape:
    """What is fixed about a stage before anything is chosen. Resolutions in pixels."""

    stride: int
    resolution_in: int
    resolution_out: int
    identity_shortcut: bool = False
    """The first block keeps its input (needs stride 1 and equal widths) instead of projecting."""
    squeeze_excitation: bool = False
    """Inverted residuals only: an SE unit after the depthwise convolution."""

    @property
    def area_in(self) -> int:
        """Input resolution squared."""
        return self.resolution_in**2

    @property
    def area_out(self) -> int:
        """Output resolution squared."""
        return self.resolution_out**2


@dataclass(frozen=True, slots=True)
class Layer:
    """One operation of the unrolled network, as the independent checks see it.

    ``conv``/``linear`` carry weights; ``act``, ``add`` and ``pool`` only channels. ``main_path``
    marks the convolutions that enter entropy and effectiveness. ``tinynas`` is false for layers
    whose multiply-adds the published code leaves out (SE units, classifier).
    """

    op: Literal["conv", "linear", "act", "add", "pool"]
    c_in: int
    c_out: int
    area: int
    """Number of output positions (input positions for ``pool``, as the published code counts)."""
    kernel_size: int = 1
    groups: int = 1
    batch_norm: bool = False
    bias: bool = False
    main_path: bool = False
    tinynas: bool = True


def conv(
    c_in: int, c_out: int, area: int, kernel_size: int = 1, groups: int = 1, **flags: bool
) -> Layer:
    """A convolution followed by batch norm, without bias."""
    return Layer("conv", c_in, c_out, area, kernel_size, groups, batch_norm=True, **flags)


def act(channels: int, area: int) -> Layer:
    """An elementwise activation over ``channels x area`` values."""
    return Layer("act", channels, channels, area)


class Family(abc.ABC):
    """A kind of stage. Subclasses are stateless; one instance each lives in the registry."""

    name: str
    summary: str
    block: str
    """The block in the words of the literature, e.g. ``1x1, kxk, 1x1``."""
    decisions: tuple[str, ...]
    """Decision names in the order in which a point stores them."""
    layers_per_block: int
    preset: tuple[Mapping[str, Any], ...] = ()
    """Default ``stages:`` of a specification that names the family only."""

    @abc.abstractmethod
    def costs(self, shape: StageShape, profile: CountingProfile) -> dict[str, tuple[Monomial, ...]]:
        """Monomials of ``params`` and ``macs`` under a counting profile."""

    @abc.abstractmethod
    def layer_widths(self, shape: StageShape) -> tuple[Monomial, ...]:
        """Monomials whose product over repeats is the product of ``c_in k^2 / groups``."""

    @abc.abstractmethod
    def layers(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[tuple[Layer, ...], ...]:
        """The same stage unrolled: one tuple of layers per block."""

    @abc.abstractmethod
    def torch_block(self) -> type[nn.Module]:
        """The block as a ``torch.nn.Module`` class (imports torch).

        Its constructor takes ``(c_in, **choice)`` as :meth:`block_arguments` returns them.
        """

    @abc.abstractmethod
    def block_arguments(
        self, prev: int, choice: Mapping[str, int], shape: StageShape
    ) -> tuple[dict[str, int | bool], ...]:
        """Keyword arguments of :meth:`torch_block`, one dictionary per block of the stage."""

    def derived(
        self, choices: Mapping[str, tuple[int, ...]], shape: StageShape
    ) -> tuple[Derived, ...]:
        """Symbols that are functions of one decision (none unless overridden)."""
        return ()
