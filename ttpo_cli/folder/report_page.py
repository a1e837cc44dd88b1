"""The report page of output folders, written from their journals: which pictures it needs, and what it says of each photo."""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from ttpo_cli.errors import TtpoError
from ttpo_cli.folder.journal import Row, read_rows, record_of
from ttpo_cli.imaging.atomic import atomic_write, check_target
from ttpo_cli.imaging.file_name import derived_name
from ttpo_cli.progress import OnStep
from ttpo_cli.report.folder_page import GENERATOR, FolderPhoto, folder_page
from ttpo_cli.report.pictures import THUMBNAIL, VIEW, make_pictures, picture_name


def check_report(page: Path, overwrite: bool) -> None:
    """Refuse a place that cannot be written, or that holds something else than an earlier report."""
    check_target(page, overwrite=overwrite or _is_report(page))


def write_report(roots: Sequence[Path], page: Path, overwrite: bool, on_step: OnStep) -> None:
    """Write the page, and next to it the folder <page>_files with its pictures; those that are there already stay.

    on_step: called as pictures are made. Raises TtpoError where no photo was restored yet.
    """
    rows = [(root, row) for root in roots for row in read_rows(root)]
    if not rows:
        raise TtpoError(f"no photo was restored yet, so there is nothing to report in '{page}'")
    files = page.with_name(derived_name(page.stem, "_files"))
    wanted = [
        (path, sha256, side)
        for root, row in rows
        for path, sha256 in _pictures(root, row)
        for side in ((THUMBNAIL, VIEW) if path == root / row.target else (VIEW,))
    ]
    failed = set(make_pictures(files, wanted, lambda done, total: on_step("pictures", done, total)))
    named = len(roots) > 1
    photos = [_card(root, row, files, page, f"{root.name}/{row.target}" if named else row.target, failed) for root, row in rows]
    title = f"ttpo: {', '.join(root.resolve().name for root in roots)}"
    try:
        document = folder_page(photos, title)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise TtpoError(f"a journal of {title} holds a damaged record ({type(error).__name__}): --redo makes it anew") from error
    atomic_write(page, document.encode(), overwrite or _is_report(page))


def _is_report(page: Path) -> bool:
    """Whether an earlier report stands there, which may be replaced."""
    if not page.is_file():
        return False
    with page.open("rb") as stream:
        return GENERATOR.encode() in stream.read(400)


def _pictures(root: Path, row: Row) -> list[tuple[Path, str]]:
    """The files to be shown of one photo that is done, each with its hash: the result, and the photo where it is still there."""
    if row.state != "done" or row.output_sha256 is None or row.content_sha256 is None:
        return []
    return [(root / row.target, row.output_sha256), (Path(row.source), row.content_sha256)]


def _card(root: Path, row: Row, files: Path, page: Path, name: str, failed: set[str]) -> FolderPhoto:
    if row.state == "proposed":
        return FolderPhoto(name, None, f"waits for a pick: `ttpo pick {root}`")
    if row.state != "done" or not row.record:
        return FolderPhoto(name, None, row.error or "not finished: run `ttpo restore` again")

    def address(sha256: str | None, side: int) -> str:
        picture = picture_name(sha256 or "", side)
        return "" if picture in failed else quote(f"{files.name}/{picture}")

    return FolderPhoto(
        name,
        record_of(row),
        seconds=row.seconds,
        thumbnail=address(row.output_sha256, THUMBNAIL),
        before=address(row.content_sha256, VIEW),
        after=address(row.output_sha256, VIEW),
        link=quote(Path(os.path.relpath((root / row.target).resolve(), page.resolve().parent)).as_posix()),
    )
