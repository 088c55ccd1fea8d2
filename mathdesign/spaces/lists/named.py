"""Spaces whose designs are lists of options with costs in tables, by name."""

from __future__ import annotations

from collections.abc import Callable

from mathdesign.programs.slot_space import TableError, TableSpace
from mathdesign.spaces.lists.efficient_tdnn import TDNN
from mathdesign.spaces.lists.fbnet import FBNET
from mathdesign.spaces.lists.fbnetv3 import FBNETV3
from mathdesign.spaces.lists.layerwise import Preset
from mathdesign.spaces.lists.mnasnet import ACCEL, MNASNET
from mathdesign.spaces.lists.nasbench101 import nasbench101
from mathdesign.spaces.lists.nasbench201 import nasbench201
from mathdesign.spaces.lists.nats_size import nats_size
from mathdesign.spaces.lists.ofa_mobilenetv3 import OFA
from mathdesign.spaces.lists.proxyless import PROXYLESS, PROXYLESSNAS, proxyless

__all__ = [
    "PRESETS",
    "SPACES",
    "TableError",
    "TableSpace",
    "nasbench101",
    "nasbench201",
    "nats_size",
    "proxyless",
]

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (PROXYLESS, PROXYLESSNAS, FBNET, FBNETV3, MNASNET, ACCEL, OFA, TDNN)
}
"""The layer-wise spaces: their designs are networks of blocks."""

SPACES: dict[str, Callable[[], TableSpace]] = {
    "nasbench101": nasbench101,
    "nasbench201": nasbench201,
    "nats_size": nats_size,
    **{name: preset.table_space for name, preset in PRESETS.items()},
}
"""Every space that has a name; a specification may also spell one out (families ``slots``, ``layers``)."""
