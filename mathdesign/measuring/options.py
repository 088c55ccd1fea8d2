"""Options of layer-wise spaces: what each adds to a network, summed over its measured operators.

A table of rows ``slot:option`` is what budgets of option lists read. Its ``base`` is what runs whatever
is chosen. Where the option before decides which operators an option has, its row is the dearest of them:
a sum of rows is then at least the sum over the operators, and a limit is kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from mathdesign.devices.header import Header
from mathdesign.devices.operators import Operator
from mathdesign.devices.table import write_table
from mathdesign.devices.timing import Timing
from mathdesign.measuring.campaign import cells_of

Options = Mapping[str, Sequence[Sequence[Operator]]]
"""Row -> the operators that it adds; of several lists the dearest."""


def beside(table: Path) -> Path:
    """Where the options of a table of operators are: ``cpu.csv``, ``cpu.options.csv``."""
    return table.with_name(f"{table.stem}.options{table.suffix}")


def write_options(
    path: Path, header: Header, options: Options, rows: Mapping[str, Timing]
) -> list[str]:
    """Write the table of those options whose operators are all in ``rows``; the keys of the others."""
    cells: dict[str, tuple[Any, Any, int | None]] = {}
    missing = []
    for key, alternatives in options.items():
        if not all(o.key in rows for own in alternatives for o in own):
            missing.append(key)
            continue
        sums = [_added([rows[o.key] for o in own]) for own in alternatives]
        cells[key] = cells_of(max(sums, key=lambda one: one.seconds), Fraction(header.scale))
    if cells:
        write_table(path, header, cells)
    return missing


def _added(timings: Sequence[Timing]) -> Timing:
    """One after the other; their spreads as if they were independent."""
    seconds = sum(timing.seconds for timing in timings)
    spread = math.sqrt(sum((timing.spread * timing.seconds) ** 2 for timing in timings))
    runs = min((timing.runs for timing in timings), default=0)
    return Timing(seconds, spread / seconds if seconds else 0.0, runs)
