"""A design on the terminal, through rich."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mathdesign.report.rows import budget_table, figure_rows
from mathdesign.result import Design

#: Characters between two columns; columns that wrap are at least so wide (or as wide as they need).
GAP, NARROWEST = 2, 14


def print_design(console: Console, design: Design) -> None:
    """Its architecture and budgets as tables, then its figures, one a line."""
    print_table(console, *design.kind.table(design.network))
    if design.budgets:
        print_table(console, "budgets", *budget_table(design))
    for label, text in figure_rows(design):
        console.print(f"{label:>14}  {text}", highlight=False, markup=False)


def print_table(
    console: Console,
    title: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    left: int = 1,
) -> None:
    """A table whose first ``left`` columns are flush left, the others flush right.

    No cell is ever cut. Where the screen is too narrow, columns that are flush left wrap; where
    that is not enough, the columns go below each other in parts, each with the first one.
    """
    for part, index in enumerate(_parts(header, rows, left, console.width)):
        table = Table(
            title=title if part == 0 else None, title_justify="left", box=None, pad_edge=False,
            header_style="bold",
        )  # fmt: skip
        for k in index:
            wraps = k < left
            table.add_column(
                header[k], justify="left" if wraps else "right", no_wrap=not wraps,
                overflow="fold", min_width=min(_width(header, rows, k), NARROWEST),
            )  # fmt: skip
        for row in rows:
            table.add_row(*(Text(row[k]) for k in index))
        console.print(table, soft_wrap=False)
        console.print()


def _parts(
    header: Sequence[str], rows: Sequence[Sequence[str]], left: int, room: int
) -> list[list[int]]:
    """The columns of each part of a table, so that every part fits into ``room`` characters."""
    needs = [_width(header, rows, k) for k in range(len(header))]
    needs = [min(n, NARROWEST) if k < left else n for k, n in enumerate(needs)]
    parts: list[list[int]] = [[]]
    taken = 0
    for k, need in enumerate(needs):
        if parts[-1] and taken + GAP + need > room and parts[-1] != [0]:
            parts.append([0])
            taken = needs[0]
        taken += need + (GAP if parts[-1] else 0)
        parts[-1].append(k)
    return parts


def _width(header: Sequence[str], rows: Sequence[Sequence[str]], column: int) -> int:
    """Characters of the widest cell of a column."""
    return max(cell_len(cell) for cell in (header[column], *(row[column] for row in rows)))
