"""Kinds of attention, one file a kind: what it costs, its words, its module.

A new kind is a file here, a line below and the independent recount of
``validators/transformer/recheck.py``; an option that no kind has yet is a field of
:class:`~mathdesign.spaces.transformer.shape.Layer`, a word of a stack and an argument of the module
too.
"""

from __future__ import annotations

from mathdesign.spaces.transformer.mixers.base import OPTIONS, REQUIRED, Mixer, attention_params
from mathdesign.spaces.transformer.mixers.linear import Linear
from mathdesign.spaces.transformer.mixers.sliding import Sliding
from mathdesign.spaces.transformer.mixers.softmax import Softmax
from mathdesign.spaces.transformer.mixers.window import Window

__all__ = ["MIXERS", "OPTIONS", "OWN", "REQUIRED", "Mixer", "attention_params", "having"]

#: Every kind by its name, in the order in which messages list them.
MIXERS: dict[str, Mixer] = {
    mixer.name: mixer for mixer in (Softmax(), Linear(), Window(), Sliding())
}
#: Those whose module is printed only where it is used.
OWN = tuple(name for name, mixer in MIXERS.items() if mixer.own_class)


def having(option: str) -> tuple[str, ...]:
    """The kinds that have an option."""
    return tuple(name for name, mixer in MIXERS.items() if option in mixer.options)
