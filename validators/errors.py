"""What an independent check can find wrong."""

from __future__ import annotations


class RecheckError(Exception):
    """The answer is not what it claims to be. The message names what, by how much."""


class OutsideSpace(RecheckError):
    """A value is not among the choices of its stage, or a rule between choices is broken."""


class BudgetExceeded(RecheckError):
    """A budget is exceeded (or a lower limit missed), if only by one unit."""


class EffectivenessExceeded(RecheckError):
    """The network is deeper than its width allows."""


class ObjectiveMismatch(RecheckError):
    """The claimed objective is not the objective of this network."""
