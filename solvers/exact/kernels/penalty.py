"""The depth penalty of a spread, as the program states it."""

from __future__ import annotations

import math

from mathdesign.solvers.compiled import kernel
from mathdesign.solvers.exact.kernels.state import MOST_PENALTY

#: Exponentials of more exceed all doubles.
MOST_EXPONENT = 709.782712893384


@kernel
def penalty_of(weight: float, spread: float) -> float:
    """``weight * exp(spread)``, saturated. Tests call it from Python, hence with its wrapper.

    A small weight brings an exponential of more than the greatest penalty back below it: it is the
    product that saturates, and the exponential only where no double holds it.
    """
    if weight <= 0.0:
        return 0.0
    if spread > MOST_EXPONENT:
        return MOST_PENALTY
    return min(weight * math.exp(spread), MOST_PENALTY)
