"""A table as data on stdout: drawn on a terminal, tab-separated elsewhere, CSV where asked."""

import csv
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ttpo_cli.errors import UsageError

Csv = Annotated[bool, typer.Option("--csv", help="Comma-separated values on stdout.", rich_help_panel="Terminal")]

Cell = str | float | None


def choose_format(json: bool, csv: bool) -> None:
    """Raises UsageError where both are asked for."""
    if json and csv:
        raise UsageError("--json and --csv: choose one")


def write_sheet(columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, as_csv: bool = False, emphasis: int | None = None) -> None:
    """Numbers with four decimals, in CSV with all they have; an empty cell (a dash on a terminal) where there is no value."""
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([list(columns), *([_exact(cell) for cell in row] for row in rows)])
    elif sys.stdout.isatty():
        _draw(columns, rows, emphasis)
    else:
        for row in (columns, *rows):
            sys.stdout.write("\t".join(_short(cell) for cell in row) + "\n")
    sys.stdout.flush()


def _draw(columns: Sequence[str], rows: Sequence[Sequence[Cell]], emphasis: int | None) -> None:
    table = Table(header_style="bold")
    for index, column in enumerate(columns):
        numbers = any(isinstance(row[index], float) for row in rows)
        table.add_column(escape(column), justify="right" if numbers else "left", no_wrap=True)
    for index, row in enumerate(rows):
        table.add_row(*(escape(_short(cell) or "-") for cell in row), style="bold" if index == emphasis else None)
    Console().print(table)


def _short(cell: Cell) -> str:
    return f"{cell:.4f}" if isinstance(cell, (int, float)) else cell or ""


def _exact(cell: Cell) -> str:
    return repr(cell) if isinstance(cell, (int, float)) else cell or ""
