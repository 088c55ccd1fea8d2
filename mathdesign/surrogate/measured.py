r"""The rows that a predictor was fitted on, and how far below its predictions a design may lie.

A predictor that is maximised over thousands of designs is maximised where it errs upwards: the best
of the predictor is often worse than the best of the rows that it was fitted on. What is sound for
one shot is a lower bound :math:`f(x) - m`, with the margin

.. math:: m = \max_i \bigl( f_{-i}(x_i) - y_i \bigr)

over all rows, :math:`f_{-i}` fitted without the fold of row :math:`i`: the greatest excess of a
held-out prediction. Of designs drawn as the rows were, about one in ``rows + 1`` lies lower (split
conformal prediction at its highest level; Lei et al. 2018, JASA 113, 1094-1111). The highest level,
because a maximum is no such design: it is chosen for its prediction (decision 53).

``measured.json`` stands beside ``predictor.json``; a folder without it predicts as it ever did.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mathdesign.files import write_atomic
from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.programs.slot_space import TableError, TableSpace
from mathdesign.spec.document import data_faults, dotted
from mathdesign.surrogate.booster import ModelError

FORMAT, FILE = 1, "measured.json"
LARGEST_FILE_BYTES, MOST_NODES = 1 << 28, 20_000_000


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured: options (one tuple a row, in the order of ``slots``), values, scores.

    ``values`` are in the target's unit; ``scores`` and ``margin`` in that of the predictor.
    """

    slots: tuple[str, ...]
    options: tuple[tuple[str, ...], ...]
    values: tuple[float, ...]
    scores: tuple[float, ...]
    margin: float

    @classmethod
    def of(
        cls, space: TableSpace, points: IntArray, values: FloatArray, scores: FloatArray,
        held: FloatArray,
    ) -> Measured:  # fmt: skip
        """Rows at ``points``, shape ``(rows, slots)``; ``held`` are the held-out scores."""
        options = tuple(tuple(space.words(point).values()) for point in points)
        names = tuple(slot.name for slot in space.slots)
        found = margin_of(held, scores)
        return cls(names, options, _floats(values), _floats(scores), found)

    def points(self, space: TableSpace) -> IntArray:
        """The rows as points of ``space``. Raises :class:`ModelError` for rows of another one."""
        if self.slots != tuple(slot.name for slot in space.slots):
            raise ModelError(f"{FILE}: rows of other slots than those of {space.name}")
        try:
            found = [space.point(dict(zip(self.slots, row))) for row in self.options]
        except TableError as error:
            raise ModelError(f"{FILE}: {error}") from None
        return np.array(found, dtype=np.int64).reshape(len(found), len(space.slots))

    def save(self, folder: Path) -> Path:
        """Write ``measured.json``, whole or not at all."""
        document = {
            "format": FORMAT, "margin": self.margin, "slots": list(self.slots),
            "options": [list(row) for row in self.options],
            "values": list(self.values), "scores": list(self.scores),
        }  # fmt: skip
        return write_atomic(folder / FILE, json.dumps(document, allow_nan=False) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Measured | None:
        """Read a folder; ``None`` where it holds no rows. Raises :class:`ModelError`."""
        path = folder / FILE
        try:
            if not path.exists():
                return None
            if not path.is_file() or path.stat().st_size > LARGEST_FILE_BYTES:
                raise ModelError(f"{path}: not a file of at most {LARGEST_FILE_BYTES} bytes")
            data = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ModelError(f"{path}: {error.strerror or error}") from None
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{path}: not JSON ({error})") from None
        for place, found, accepted in data_faults(data, most_nodes=MOST_NODES):
            raise ModelError(f"{path}: {dotted(place)}: found {found}; accepted: {accepted}")
        try:
            return _read(data)
        except KeyError as error:
            raise ModelError(f"{path}: not complete ({error} is missing)") from None
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ModelError(f"{path}: not the rows of a predictor ({error})") from None


def margin_of(held: FloatArray, scores: FloatArray) -> float:
    """The greatest excess of a held-out prediction over what was measured, at least 0."""
    return max(0.0, float((held - scores).max()))


def _read(data: Any) -> Measured:
    """Raises ``ValueError`` and its kin for what is no document of ours."""
    if not isinstance(data, Mapping) or data.get("format") != FORMAT:
        raise ValueError(f"accepted: format {FORMAT}")
    slots = tuple(map(str, data["slots"]))
    options = tuple(tuple(map(str, row)) for row in data["options"])
    values, scores = (_floats(data[key]) for key in ("values", "scores"))
    margin = float(data["margin"])
    if not options or not len(options) == len(values) == len(scores):
        raise ValueError("accepted: as many options, values and scores, and some")
    if any(len(row) != len(slots) for row in options):
        raise ValueError("accepted: an option a slot in each row")
    if not all(map(math.isfinite, (*values, *scores))):
        raise ValueError("a number that is not finite")
    if not 0 <= margin <= 1e100:
        raise ValueError("accepted: a margin of at least 0")
    return Measured(slots, options, values, scores, margin)


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(float(v) for v in values)
