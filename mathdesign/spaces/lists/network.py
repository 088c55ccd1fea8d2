"""A design over option lists: every slot's option chosen. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OptionList:
    """The chosen options by slot."""

    name: str
    options: Mapping[str, str]
