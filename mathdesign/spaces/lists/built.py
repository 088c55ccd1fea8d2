"""The blocks that options stand for, in every space that knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mathdesign.spaces.blocks.network import BlockNetwork
from mathdesign.spaces.lists.words import ListSpec


def blocks_of(spec: ListSpec, name: str, options: Mapping[str, str]) -> BlockNetwork | None:
    """The network of the chosen options; ``None`` where nothing says what they are."""
    layers = spec.layers()
    return None if layers is None else layers.network(name, options)


def blocks_asked(request: Any, name: str, options: Mapping[str, str]) -> BlockNetwork | None:
    """The same for a design of before, which says its request and not its blocks.

    ``None`` as well for a request or options that are unsound: they are told of elsewhere.
    """
    try:
        return blocks_of(ListSpec.model_validate(dict(request)), name, options)
    except (TypeError, ValueError, KeyError):
        return None
