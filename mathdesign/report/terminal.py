"""A design on the terminal, through rich."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mathdesign.kinds import kind_of_answer
from mathdesign.report.rows import (
    BUDGET_HEADER,
    STAGE_HEADER,
    budget_rows,
    figure_rows,
    stage_rows,
)
from mathdesign.result import Answer, Design


class TextTable(NamedTuple):
    """A table whose first ``left`` columns are flush left, the others flush right."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1


def chain_tables(design: Design) -> tuple[list[TextTable], list[tuple[str, str]]]:
    """Architecture and budgets of a chain; its figures and certificate."""
    tables = [TextTable(design.name, STAGE_HEADER, stage_rows(design), 2)]
    if design.budgets:
        tables.append(TextTable("budgets", BUDGET_HEADER, budget_rows(design)))
    return tables, figure_rows(design)


def print_answer(console: Console, answer: Answer) -> None:
    """A finished design: its tables, then its figures, one a line."""
    tables, figures = kind_of_answer(answer.to_dict()).part("tables")(answer)
    for table in tables:
        print_table(console, *table)
    for label, text in figures:
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
