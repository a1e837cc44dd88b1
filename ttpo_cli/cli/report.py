"""`ttpo report OUT`: one HTML page about the photos of an output folder, made from its journal, also while a run is at work in it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.terminal.console import NoColor, Quiet, Terminal, write_line


def report(
    folders: Annotated[list[Path], typer.Argument(metavar="OUT", help="Output folders of `ttpo restore`.", show_default=False)],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The page; without it: report.html in the first folder.")] = None,
    overwrite: options.Overwrite = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """One HTML page for a folder: before and after, scores, outliers first. Its pictures are in a folder next to it."""
    terminal = Terminal(quiet, no_color=no_color)
    page = output or folders[0] / "report.html"
    check_report(page, overwrite)
    write_folder_report(folders, page, overwrite, terminal)
    write_line(str(page.resolve()))


def check_report(page: Path, overwrite: bool) -> None:
    """Refuse a place that cannot be written, or that holds something else than an earlier report."""
    from ttpo_cli.folder import report_page

    report_page.check_report(page, overwrite)


def write_folder_report(roots: Sequence[Path], page: Path, overwrite: bool, terminal: Terminal) -> None:
    """Write the page and the folder <page>_files with its pictures; the terminal shows the progress."""
    from ttpo_cli.folder import report_page

    with terminal.progress("report") as on_step:
        report_page.write_report(roots, page, overwrite, on_step)
