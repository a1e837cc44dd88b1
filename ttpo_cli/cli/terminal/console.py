"""What a person sees: data on stdout; notes, tables and progress on stderr, coloured and moving only where a terminal can show it."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ttpo_cli.errors import UsageError
from ttpo_cli.progress import OnStep

# Of every JSON object that a command prints; fields are only ever added. Files have versions of their own.
SCHEMA_VERSION = 1

_PLAIN_WIDTH = 160

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Nothing on stderr but warnings and errors.", rich_help_panel="Terminal")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Say more on stderr: notes, tile sizes, timings.", rich_help_panel="Terminal")
]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colours (so does a non-empty NO_COLOR).", rich_help_panel="Terminal")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.", rich_help_panel="Terminal")]


class Terminal:
    """One command's voice: `say` and `detail` for people, `data` for programs."""

    def __init__(self, quiet: bool = False, verbose: bool = False, no_color: bool = False) -> None:
        self.quiet = quiet
        self.verbose = verbose
        plain = no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        self.console = Console(stderr=True, no_color=plain, highlight=False, soft_wrap=True)
        if not self.console.is_terminal:
            self.console.width = _PLAIN_WIDTH
        self.moving = self.console.is_terminal and os.environ.get("TERM") != "dumb" and not quiet
        self._bars: Progress | None = None

    def say(self, text: str) -> None:
        """A line for people, unless --quiet."""
        if not self.quiet:
            self.console.print(escape(text))

    def detail(self, text: str) -> None:
        """A line only with --verbose."""
        if self.verbose:
            self.console.print(escape(text), style="dim")

    def warn(self, text: str) -> None:
        """A line that --quiet does not silence."""
        self.console.print(f"warning: {escape(text)}", style="yellow")

    def error(self, text: str) -> None:
        """One line that says what went wrong."""
        self.console.print(f"error: {escape(text)}", style="red")

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], emphasis: int | None = None) -> None:
        """A table on stderr; the first column is left-aligned text, the row `emphasis` bold."""
        if self.quiet:
            return
        table = Table(title=escape(title), title_justify="left", header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
        for index, column in enumerate(columns):
            table.add_column(escape(column), justify="left" if index == 0 else "right", no_wrap=True)
        for index, row in enumerate(rows):
            table.add_row(*(escape(cell) for cell in row), style="bold" if index == emphasis else None)
        self.console.print(table, soft_wrap=False)

    @contextmanager
    def progress(self, title: str) -> Iterator[OnStep]:
        """A moving bar a stage on a terminal, nothing elsewhere. Yields `on_step(stage, done, total)`."""
        if not self.moving:
            yield lambda stage, done, total: None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        # Lines of data go above the bars where both share the screen, and otherwise where standard output leads.
        with Progress(*columns, console=self.console, transient=True, redirect_stdout=sys.stdout.isatty()) as bars:
            self._bars = bars
            tasks: dict[str, Any] = {}

            def on_step(stage: str, done: int, total: int) -> None:
                if stage not in tasks:
                    tasks[stage] = bars.add_task(escape(f"{title} {stage}"), total=total)
                bars.update(tasks[stage], completed=done, total=total)

            try:
                yield on_step
            finally:
                self._bars = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """No bar moves while this lasts, so that a question can be asked."""
        bars = self._bars
        if bars is not None:
            bars.stop()
        yield
        if bars is not None:
            bars.start()


def counted(number: int, noun: str) -> str:
    """ "1 photo", "2 photos"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def write_json(value: Any) -> None:
    """One JSON object on stdout: the data of a command."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    sys.stdout.flush()


def write_bytes(data: bytes) -> None:
    """A photo on stdout. Raises UsageError where stdout is a terminal, which it would garble."""
    if sys.stdout.isatty():
        raise UsageError("standard output is a terminal: send it to a file or a program, or give -o FILE")
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def write_line(text: str) -> None:
    """One line of data on stdout."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
