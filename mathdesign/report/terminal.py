"""A design on the terminal, through rich."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mathdesign.report.rows import BUDGET_HEADER, budget_rows, figure_rows
from mathdesign.result import Design


def print_design(console: Console, design: Design) -> None:
    """Its architecture and budgets as tables, then its figures, one a line."""
    print_table(console, *design.kind.table(design.network))
    if design.budgets:
        print_table(console, "budgets", BUDGET_HEADER, budget_rows(design))
    for label, text in figure_rows(design):
        console.print(f"{label:>14}  {text}", highlight=False, markup=False)


def print_table(
    console: Console,
    title: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    left: int = 1,
) -> None:
    """A table whose first ``left`` columns are flush left, the others flush right."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(header):
        table.add_column(column, justify="left" if index < left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
    console.print()
