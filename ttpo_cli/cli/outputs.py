"""What the restoration of one photo leaves behind: the picture, its sidecar, its candidates, its part of the HTML page."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ttpo_cli.errors import TtpoError, UsageError

if TYPE_CHECKING:
    from ttpo_cli.batch.plan import Job
    from ttpo_cli.imaging.photo import Photo
    from ttpo_cli.pipeline import Engine, Result
    from ttpo_cli.report.page import PagePhoto


@dataclass(frozen=True)
class Outputs:
    """How results are written, and what beside them. candidates: a folder; report: one HTML file for all photos."""

    format: str
    bit_depth: str
    quality: int
    keep: frozenset[str]
    overwrite: bool
    sidecar: bool
    candidates: Path | None
    report: Path | None


@dataclass(frozen=True)
class Written:
    """The record of one photo; its encoded bytes where they go to standard output; its part of the page."""

    record: dict[str, Any]
    encoded: bytes | None
    page: "PagePhoto | None"


def check_outputs(jobs: Sequence["Job"], outputs: Outputs, json_wanted: bool) -> None:
    """Refuse what cannot be written before any work is done for it."""
    from ttpo_cli.imaging.atomic import check_target

    if json_wanted and any(job.target is None for job in jobs):
        raise UsageError("standard output cannot carry both the photo and --json: give -o FILE")
    if outputs.report is not None:
        check_target(outputs.report, overwrite=outputs.overwrite)


def write_result(
    result: "Result", photo: "Photo", engine: "Engine", weights: Sequence[dict[str, Any]], job: "Job", outputs: Outputs
) -> Written:
    """Write everything but the page, which waits for the last photo. The picture comes first, so that no sidecar stands without one."""
    from ttpo_cli.imaging.atomic import atomic_write
    from ttpo_cli.imaging.photo import with_pixels
    from ttpo_cli.imaging.writing import losses, write_photo
    from ttpo_cli.report.page import page_photo
    from ttpo_cli.report.record import record_result, sidecar_path

    final = with_pixels(photo, result.final)
    how: dict[str, Any] = {"format": outputs.format, "bit_depth": outputs.bit_depth, "keep": outputs.keep}
    record = record_result(result, photo, engine, weights)
    record["notes"] += losses(final, path=job.target, **how)
    record["output"] = None if job.target is None else str(job.target.resolve())
    written = write_photo(job.target, final, **how, quality=outputs.quality, overwrite=outputs.overwrite, source=job.source)
    if outputs.candidates is not None:
        write_candidates(result, photo, outputs.candidates, outputs.overwrite)
    if outputs.sidecar and job.target is not None:
        text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        atomic_write(sidecar_path(job.target), text.encode(), overwrite=True)
    page = page_photo(result, photo.pixels, record) if outputs.report is not None else None
    return Written(record, written if isinstance(written, bytes) else None, page)


def write_candidates(result: "Result", photo: "Photo", folder: Path, overwrite: bool) -> None:
    """Every candidate as `<stem>_<index>.png`, and `<stem>_candidates.png`, where each stands under its label."""
    from dataclasses import replace

    from ttpo_cli.imaging.photo import with_pixels
    from ttpo_cli.imaging.writing import write_photo
    from ttpo_cli.report.contact_sheet import contact_sheet

    stem = Path(photo.name).stem
    for index in range(len(result.candidates)):
        candidate = with_pixels(photo, result.candidates[index : index + 1])
        write_photo(folder / f"{stem}_{index:02d}.png", candidate, overwrite=overwrite)
    sheet = contact_sheet(result.candidates, result.candidate_labels)
    plain = replace(photo, pixels=sheet, alpha=None, grey=False, bit_depth=8)
    write_photo(folder / f"{stem}_candidates.png", plain, keep=frozenset(), overwrite=overwrite)


def write_page(pages: "list[PagePhoto]", path: Path, overwrite: bool) -> None:
    """The HTML page of all photos that were restored. Raises TtpoError where none was."""
    from ttpo_cli.imaging.atomic import atomic_write
    from ttpo_cli.report.page import page

    if not pages:
        raise TtpoError(f"no photo was restored, so there is nothing to report in '{path}'")
    atomic_write(path, page(pages, "ttpo: before and after").encode(), overwrite)
