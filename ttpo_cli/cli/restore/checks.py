"""What the restoration of one photo leaves behind: the picture, its sidecar, its candidates, its part of the HTML page."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ttpo_cli.cli.report import check_report
from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.report.output import Outputs

if TYPE_CHECKING:
    from ttpo_cli.folder.plan import Job
    from ttpo_cli.report.page import PagePhoto


def check_outputs(jobs: Sequence["Job"], outputs: Outputs, json_wanted: bool, folders: bool) -> None:
    """Refuse what cannot be written before any work is done for it."""
    from ttpo_cli.imaging.atomic import check_target

    if json_wanted and any(job.target is None for job in jobs):
        raise UsageError("standard output cannot carry both the photo and --json: give -o FILE")
    if outputs.report is not None and folders:
        check_report(outputs.report, outputs.overwrite)
    elif outputs.report is not None:
        check_target(outputs.report, overwrite=outputs.overwrite)


def write_page(pages: "list[PagePhoto]", path: Path, overwrite: bool) -> None:
    """The HTML page of all photos that were restored. Raises TtpoError where none was."""
    from ttpo_cli.imaging.atomic import atomic_write
    from ttpo_cli.report.page import page

    if not pages:
        raise TtpoError(f"no photo was restored, so there is nothing to report in '{path}'")
    atomic_write(path, page(pages, "ttpo: before and after").encode(), overwrite)
