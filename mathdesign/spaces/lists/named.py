"""Spaces whose designs are lists of options with costs in tables, by name."""

from __future__ import annotations

from collections.abc import Callable

from mathdesign.programs.slot_space import TableError, TableSpace
from mathdesign.spaces.lists.nasbench101 import nasbench101
from mathdesign.spaces.lists.nasbench201 import nasbench201
from mathdesign.spaces.lists.nats_size import nats_size
from mathdesign.spaces.lists.proxyless import proxyless

__all__ = [
    "SPACES",
    "TableError",
    "TableSpace",
    "nasbench101",
    "nasbench201",
    "nats_size",
    "proxyless",
]

SPACES: dict[str, Callable[[], TableSpace]] = {
    "nasbench101": nasbench101,
    "nasbench201": nasbench201,
    "nats_size": nats_size,
    "proxyless": proxyless,
}
"""Every space that has a name; a specification may also spell one out (family ``slots``)."""
