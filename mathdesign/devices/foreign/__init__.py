"""Latency tables as others write them, read as ours: one module a form, registered here by name."""

from __future__ import annotations

from mathdesign.devices.foreign.base import Asked, Foreign, Record, imported
from mathdesign.devices.foreign.forms import AI_HUB, NNI, NNMETER, OFA, TF_NAS, TINY_NAS

__all__ = ["FORMS", "Asked", "Foreign", "Record", "imported"]

FORMS: dict[str, Foreign] = {
    form.name: form for form in (OFA, NNMETER, NNI, TF_NAS, TINY_NAS, AI_HUB)
}
"""Every form by name."""
