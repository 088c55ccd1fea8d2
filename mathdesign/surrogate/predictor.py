"""A trained predictor: what it maximises, how well it predicts, and its files.

A folder holds ``predictor.json`` (everything but the trees) and, for each member of a boosted
ensemble, ``trees-N.txt`` in LightGBM's text format. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mathdesign.files import write_atomic
from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.programs.slot_space import TableSpace
from mathdesign.programs.slots import Ensemble, SlotObjective, TableSum
from mathdesign.spec.document import data_faults, dotted
from mathdesign.surrogate.booster import ModelError, read_booster
from mathdesign.surrogate.learned import AGAIN, LearnedSpace

#: 1 knew the space by its name and shape alone.
FORMAT = 2
LARGEST_FILE_BYTES = 1 << 28
#: Extrapolated values stay finite.
LARGEST_VALUE = 1e300
#: Levels, tables and figures: a level a labelled row at most.
MOST_NODES = 5_000_000
KINDS = ("trees", "tables")
OLD = (
    "a predictor of format 1, which does not say which options its numbers belong to; "
    "accepted: format 2: fit it again (`mathdesign fit`, the same table and seed)"
)


@dataclass(frozen=True, slots=True)
class Quality:
    """How well held-out designs were predicted, by cross-validation on ``rows`` rows.

    ``tau`` is Kendall's; ``pairwise`` the share of pairs ranked rightly; ``rmse`` in the target's
    unit; ``rivals`` the tau of every model that was tried.
    """

    rows: int
    tau: float
    pairwise: float
    rmse: float
    rivals: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Predictor:
    """``model(design)``: a score that orders designs as ``target`` does.

    It is the standardised target, or its normal score (its rank among the rows as a normal
    quantile), whichever is predicted better. ``levels`` are pairs (score, target), rising in both,
    through which a score is read back.
    ``members`` are LightGBM texts (kind ``trees``; the first is fitted on all rows, the others
    on bootstrap samples, for the uncertainty) or ``tables`` one list a slot (kind ``tables``:
    separable). ``space`` is what it was trained on: another one is refused.
    """

    space: LearnedSpace
    target: str
    kind: str
    levels: tuple[tuple[float, float], ...]
    quality: Quality
    members: tuple[str, ...] = ()
    tables: tuple[tuple[float, ...], ...] = ()

    def ensembles(self) -> tuple[Ensemble, ...]:
        """The members as trees over the features of its space. Raises :class:`ModelError`."""
        features = self.space.features()
        return tuple(read_booster(text, features) for text in self.members)

    def refuse(self, space: TableSpace) -> None:
        """Raise :class:`ModelError` where a point of ``space`` means another design than here."""
        if differences := self.space.differences(space):
            raise ModelError(f"{'; '.join(differences)}; {AGAIN}")

    def objective(self, space: TableSpace, uncertainty: float = 0.0) -> SlotObjective:
        """What the program maximises: the predicted score, plus ``uncertainty`` standard deviations
        of the bootstrap members. Raises :class:`ModelError`.
        """
        self.refuse(space)
        zero = tuple(np.zeros(len(slot.options)) for slot in space.slots)
        if self.kind == "tables":
            if uncertainty:
                raise ModelError("a separable predictor has no ensemble: refit with --ensemble 10")
            return SlotObjective(TableSum(0.0, tuple(np.array(table) for table in self.tables)))
        ensembles = self.ensembles()
        if uncertainty and len(ensembles) < 3:
            raise ModelError("no ensemble for the uncertainty: refit with --ensemble 10")
        return SlotObjective(
            TableSum(0.0, zero), ((1.0, ensembles[0]),), ensembles[1:], uncertainty
        )  # fmt: skip

    def predict(self, space: TableSpace, points: IntArray) -> FloatArray:
        """Predictions in the target's unit, shape ``(rows,)``."""
        return read_back(self.objective(space).at(points), self.levels)

    def save(self, folder: Path) -> list[Path]:
        """Write the folder; each file whole or not at all, ``predictor.json`` last."""
        names = [f"trees-{number}.txt" for number in range(len(self.members))]
        written = [write_atomic(folder / n, text) for n, text in zip(names, self.members)]
        written.append(write_atomic(folder / "predictor.json", self._document()))
        for old in set(folder.glob("trees-*.txt")) - set(written):
            old.unlink()  # of a larger ensemble that was here before
        return written

    def digest(self) -> str:
        """SHA-256 of all that it is: what was fitted anew differs, whatever its folder is called."""
        parts = (self._document(), *self.members)
        hashes = [hashlib.sha256(part.encode()).hexdigest() for part in parts]
        return hashlib.sha256("\n".join(hashes).encode()).hexdigest()

    def _document(self) -> str:
        quality = self.quality
        document = {
            "format": FORMAT, "space": self.space.to_dict(), "target": self.target, "kind": self.kind,
            "levels": [list(pair) for pair in self.levels], "members": len(self.members),
            "tables": [list(table) for table in self.tables],
            "quality": {
                "rows": quality.rows, "tau": quality.tau, "pairwise": quality.pairwise,
                "rmse": quality.rmse, "rivals": dict(quality.rivals),
            },
        }  # fmt: skip
        return json.dumps(document, indent=1, allow_nan=False) + "\n"

    @classmethod
    def load(cls, folder: Path) -> Predictor:
        """Read a folder. Raises :class:`ModelError`, also for what cannot be read."""
        try:
            data = json.loads(_text(folder / "predictor.json"))
            for path, found, accepted in data_faults(data, most_nodes=MOST_NODES):
                raise ModelError(f"{folder}: {dotted(path)}: found {found}; accepted: {accepted}")
            if data.get("format") == 1:
                raise ModelError(f"{folder}: {OLD}")
            if data.get("format") != FORMAT or data["kind"] not in KINDS:
                raise ModelError(f"{folder}: not a predictor of format {FORMAT}")
            space = LearnedSpace.read(data["space"])
            levels = tuple((float(score), float(value)) for score, value in data["levels"])
            tables = tuple(tuple(float(v) for v in table) for table in data["tables"])
            sizes = [len(slot.options) for slot in space.slots]
            if data["kind"] == "tables" and [len(table) for table in tables] != sizes:
                raise ModelError(f"{folder}: its tables do not fit its slots")
            if not all(math.isfinite(v) for row in (*levels, *tables) for v in row):
                raise ModelError(f"{folder}: a number that is not finite")
            if not 0 <= int(data["members"]) <= 1000:
                raise ModelError(f"{folder}: {data['members']} members, accepted: at most 1000")
            if data["kind"] == "trees" and not int(data["members"]):
                raise ModelError(f"{folder}: no members, accepted: at least one with kind trees")
            scores = [score for score, _ in levels]
            values = [value for _, value in levels]
            if not levels or scores != sorted(set(scores)) or values != sorted(values):
                raise ModelError(f"{folder}: levels are no rising list")
            members = range(int(data["members"]))
            return cls(
                space=space, target=str(data["target"]), kind=str(data["kind"]),
                levels=levels, quality=_quality(data["quality"]),
                members=tuple(_text(folder / f"trees-{n}.txt") for n in members), tables=tables,
            )  # fmt: skip
        except KeyError as error:
            raise ModelError(f"{folder}: not a complete predictor ({error} is missing)") from None
        except (TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            if isinstance(error, ModelError):
                raise
            raise ModelError(f"{folder}: not a complete predictor ({error})") from None


def _quality(data: Any) -> Quality:
    """Raises ``ValueError`` or ``TypeError`` where a figure is no number."""
    figures = {name: data[name] for name in ("rows", "tau", "pairwise", "rmse")}
    rivals = dict(data["rivals"])
    for name, value in (*figures.items(), *rivals.items()):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"quality.{name}: found {value!r}, accepted: a number")
        if not math.isfinite(value):
            raise ValueError(f"quality.{name}: a number that is not finite")
    return Quality(**figures, rivals=rivals)


def read_back(scores: FloatArray, levels: tuple[tuple[float, float], ...]) -> FloatArray:
    """Scores as values of the target, rising with them: linear between levels.

    Beyond the levels, where no row was measured, along the line through the outer tenth of them:
    exact where the scores are the standardised target, else an extrapolation. A constant there
    would call three designs that differ alike, and each no better than the table's best row.
    """
    known = np.array(levels)
    x, y = known[:, 0], known[:, 1]
    found = np.interp(scores, x, y)
    reach = max(1, (len(known) - 1) // 10)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for end, other, beyond in ((-1, -1 - reach, scores > x[-1]), (0, reach, scores < x[0])):
            if len(known) > 1:
                slope = (y[end] - y[other]) / (x[end] - x[other])
                found = np.where(beyond, y[end] + slope * (scores - x[end]), found)
    finite: FloatArray = np.clip(np.nan_to_num(found), -LARGEST_VALUE, LARGEST_VALUE)
    return finite


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise ModelError(f"{path}: not a file")
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise ModelError(f"{path}: larger than {LARGEST_FILE_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ModelError(f"{path}: not text") from None
