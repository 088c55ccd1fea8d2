"""Faults in a specification: where, what was found, what is accepted, what was perhaps meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

CrossFault = tuple[tuple[str | int, ...], str, str, str]
"""A fault that only shows when several parts are read together: its path in the document, what was
found, what is accepted, what was perhaps meant."""

#: Longer inputs are cut in messages.
LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``line`` and ``column`` count from 1; 0 where there is no file."""

    file: str
    line: int
    column: int
    path: str
    found: str
    accepted: str
    suggestion: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else f"{self.file}: "
        text = f"{place}{self.path + ': ' if self.path else ''}found {self.found}"
        if self.accepted:
            text += f"; accepted: {self.accepted}"
        if self.suggestion:
            text += f"; did you mean {self.suggestion}?"
        return text


class SpecError(ValueError):
    """A specification with faults: all of them, in file order. Exit status 2 on the command line."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda f: (f.line, f.column, f.path)))
        super().__init__("\n".join(str(fault) for fault in self.faults))

    @classmethod
    def plain(cls, found: str, accepted: str = "") -> SpecError:
        """A fault of the command line rather than of a file."""
        return cls([Fault("command line", 0, 0, "", found, accepted)])

    def to_dict(self) -> list[dict[str, Any]]:
        """The faults as plain mappings."""
        return [asdict(fault) for fault in self.faults]


def near_miss(word: str, known: Sequence[str]) -> str:
    """The known word that ``word`` most likely stands for, or an empty string."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return close[0] if close else ""


def quoted(value: Any) -> str:
    """``value`` as it stands in a message: short, on one line."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."
