"""A design over option lists: every slot's option chosen. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mathdesign.spaces.blocks.network import BlockNetwork


@dataclass(frozen=True, slots=True)
class OptionList:
    """The chosen options by slot, and what they build where the space knows it."""

    name: str
    options: Mapping[str, str]
    network: BlockNetwork | None = None
    implied: bool = field(default=False, compare=False)
    """Whether the options alone say the blocks, so that files need not (cells, and files of before)."""
