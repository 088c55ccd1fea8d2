"""What every program is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

FloatArray = npt.NDArray[np.float64]

BoolArray = npt.NDArray[np.bool_]

#: Integers above this are refused: int64 arithmetic in the vectorised evaluator must not wrap.
LARGEST_METRIC = 2**62


@dataclass(frozen=True, slots=True)
class Budget:
    """``lower <= metric <= upper`` in the metric's unit; either side may be absent."""

    metric: str
    upper: int | None = None
    lower: int | None = None
