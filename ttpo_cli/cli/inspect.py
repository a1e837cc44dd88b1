"""`ttpo inspect`: what ails photos: JPEG compression, noise, lost resolution, clipped tones."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.terminal.console import SCHEMA_VERSION, Json, NoColor, Quiet, Terminal, write_json
from ttpo_cli.cli.terminal.table import Cell, Csv, choose_format, write_sheet
from ttpo_cli.errors import TtpoError, UsageError

if TYPE_CHECKING:
    from ttpo_cli.inspection.inspection import Inspection

COLUMNS = ("photo", "size", "kind", "JPEG quality", "in the pixels", "noise of 255", "resolution", "black", "white", "finding")


def inspect(
    photos: Annotated[list[str] | None, typer.Argument(metavar="PHOTO", help="Files, folders, or - for stdin.", show_default=False)] = None,
    recursive: options.Recursive = False,
    json: Json = False,
    csv: Csv = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Say what ails photos: JPEG quality (of the file, and of what its pixels went through), noise, effective resolution, clipped tones."""
    choose_format(json, csv)
    if not photos:
        raise UsageError("no photo is given: name files, folders, or - for standard input")
    terminal = Terminal(quiet, no_color=no_color)
    entries, failures = [], []
    sources = _sources(photos, recursive)
    with terminal.progress("inspect") as on_step:
        for done, source in enumerate(sources):
            try:
                entries.append((str(source), _inspect(source)))
            except TtpoError as error:
                terminal.error(str(error))
                failures.append({"photo": str(source), "error": str(error), "exit_code": error.exit_code})
            on_step("photos", done + 1, len(sources))
    if json:
        records = [_record(name, inspection) for name, inspection in entries]
        write_json({"schema_version": SCHEMA_VERSION, "photos": records, "failures": failures})
    else:
        write_sheet(COLUMNS, [_row(name, inspection, csv) for name, inspection in entries], as_csv=csv)
    if failures:
        raise typer.Exit(failures[0]["exit_code"])


def _sources(photos: list[str], recursive: bool) -> list[Path | str]:
    """Files and "-" as given, folders as the photos in them."""
    from ttpo_cli.folder.plan import STREAM, photo_files

    sources: list[Path | str] = []
    for given in photos:
        sources += [STREAM] if given == STREAM else photo_files([Path(given)], recursive)
    return sources


def _inspect(source: Path | str) -> "Inspection":
    import sys

    from ttpo_cli.imaging.reading import read_photo
    from ttpo_cli.inspection.inspection import inspect_photo

    return inspect_photo(read_photo(source if isinstance(source, Path) else sys.stdin.buffer.read()))


def _record(name: str, inspection: "Inspection") -> dict[str, Any]:
    derived = {"megapixels": inspection.megapixels, "degradations": list(inspection.degradations), "is_clean": inspection.is_clean}
    return {"photo": name, **vars(inspection), **derived}


def _row(name: str, inspection: "Inspection", exact: bool) -> list[Cell]:
    """The cells of COLUMNS, as numbers in CSV and in words elsewhere."""
    found = ", ".join(inspection.degradations) or "clean"
    size = f"{inspection.width}x{inspection.height}"
    noise, shares = 255 * inspection.noise_sigma, (inspection.clipped_shadows, inspection.clipped_highlights)
    qualities = (inspection.jpeg_quality, inspection.jpeg_quality_estimated)
    if exact:
        return [name, size, inspection.kind, *qualities, noise, inspection.effective_resolution, *shares, found]
    shown = ["-" if quality is None else f"{quality:g}" for quality in qualities]
    resolution = f"{100 * inspection.effective_resolution:.0f} %"
    return [name, size, inspection.kind, *shown, f"{noise:.1f}", resolution, *(f"{100 * share:.1f} %" for share in shares), found]
