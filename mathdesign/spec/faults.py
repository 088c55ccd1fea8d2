"""Faults in a specification: where, what was found, what is accepted, what was perhaps meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

CrossFault = tuple[tuple[str | int, ...], str, str, str]
"""A fault that only shows when several parts are read together: its path in the document, what was
found, what is accepted, what was perhaps meant."""

COMMAND_LINE = "command line"
#: Longer inputs are cut in messages.
LONGEST_SHOWN = 60
#: So many faults are shown; the rest are counted.
MOST_SHOWN = 20


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
    """A specification with faults: all of them, in file order. Exit status 2 on the command line.

    Its text shows the first 20 and counts the rest.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda f: (f.line, f.column, f.path)))
        lines = [str(fault) for fault in self.faults[:MOST_SHOWN]]
        if more := len(self.faults) - len(lines):
            lines.append(f"... and {more:,} more faults ({len(self.faults):,} in all)")
        super().__init__("\n".join(lines))

    @classmethod
    def plain(cls, found: str, accepted: str = "") -> SpecError:
        """A fault of the command line rather than of a file."""
        return cls([Fault(COMMAND_LINE, 0, 0, "", found, accepted)])

    def of(self, file: str) -> SpecError:
        """The same with ``file`` in place of the command line, which does not say what was read."""
        return SpecError(
            replace(fault, file=file) if fault.file == COMMAND_LINE else fault
            for fault in self.faults
        )

    def to_dict(self) -> list[dict[str, Any]]:
        """The faults as plain mappings."""
        return [asdict(fault) for fault in self.faults]


@contextmanager
def posing() -> Iterator[None]:
    """What no program can hold (metrics above 2^62, numbers that are not finite) as a fault."""
    try:
        yield
    except SpecError:
        raise
    except (ValueError, OverflowError) as error:
        raise SpecError.plain(" ".join(str(error).split())) from None


def near_miss(word: str, known: Sequence[str]) -> str:
    """The known word that ``word`` most likely stands for, or an empty string."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return close[0] if close else ""


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """The end of a message about ``word``: the known word it most likely stands for, if any."""
    hint = near_miss(word, known)
    return f"; did you mean {hint}?" if hint else ""


def quoted(value: Any) -> str:
    """``value`` as it stands in a message: short, on one line."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**LONGEST_SHOWN:
        return f"an integer of more than {LONGEST_SHOWN} digits"
    if isinstance(value, list | tuple | dict | set) and len(value) > LONGEST_SHOWN:
        return f"a {'mapping' if isinstance(value, dict) else 'list'} of {len(value):,} entries"
    text = "nothing" if value is None else _shown(value)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


def _shown(value: Any) -> str:
    """What Python prints of ``value``; integers of thousands of digits inside it have no text."""
    try:
        return ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    except ValueError:
        return f"a {type(value).__name__}"
