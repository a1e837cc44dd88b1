"""`ttpo bench inspect`: how right `ttpo inspect` is on photos degraded by known amounts."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.terminal.console import SCHEMA_VERSION, NoColor, Quiet, Terminal, write_json

COLUMNS = (
    "degraded by",
    "images",
    "quality: median, 90 %, worst, within 8",
    "noise: within 1.2",
    "resolution: within 1.3",
    "clean",
)
PLOTS = (("quality", "JPEG quality", False), ("noise", "noise, of 255", True), ("resolution", "effective resolution", True))


def bench_inspect(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO", help="Good photos: files or folders.", show_default=False)],
    plots: Annotated[Path | None, typer.Option(help="A folder for plots of found against true values.", show_default=False)] = None,
    every: Annotated[int, typer.Option(min=1, help="Of the photos, one in so many.")] = 1,
    first: Annotated[int, typer.Option(min=0, help="The first of them, from 0.")] = 0,
    recursive: options.Recursive = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Degrade good photos by known amounts, inspect them, and compare. JSON on stdout, the table of errors on stderr."""
    from ttpo_cli.benchmarks.inspection import CASES, accuracy, rows
    from ttpo_cli.folder.plan import photo_files

    terminal = Terminal(quiet, no_color=no_color)
    paths = photo_files(photos, recursive)[first::every]
    measured: list[dict[str, Any]] = []
    with terminal.progress("inspect") as on_step:
        for row in rows(paths):
            measured.append(row)
            on_step("images", len(measured), len(paths) * len(CASES))
    table = accuracy(measured)
    terminal.table("errors", COLUMNS, [_cells(row) for row in table])
    if plots is not None:
        _draw(measured, plots)
    write_json({"schema_version": SCHEMA_VERSION, "photos": [str(path) for path in paths], "accuracy": table, "rows": measured})


def _cells(row: dict[str, Any]) -> list[str]:
    values = [_in_words(row[name], digits) for name, digits in (("quality", 0), ("noise", 2), ("resolution", 2))]
    return [row["group"], str(row["photos"]), *values, f"{100 * row['called_clean']:.0f} %"]


def _in_words(found: dict[str, float] | None, digits: int) -> str:
    if found is None:
        return "-"
    return f"{found['median']:.{digits}f}, {found['p90']:.{digits}f}, {found['worst']:.{digits}f}, {100 * found['within']:.0f} %"


def _draw(measured: list[dict[str, Any]], folder: Path) -> None:
    """inspect-quality.svg, inspect-noise.svg, inspect-resolution.svg: medians of each group against the truth."""
    from statistics import median

    from ttpo_cli.imaging.atomic import atomic_write
    from ttpo_cli.report.plot import Axis, line_plot

    folder.mkdir(parents=True, exist_ok=True)
    for value, label, log in PLOTS:
        series: dict[str, list[tuple[float, float]]] = {}
        for group in dict.fromkeys(row["case"]["group"] for row in measured):
            chosen = [row for row in measured if row["case"]["group"] == group and row["true"][value] and row["found"][value] is not None]
            truths = sorted({row["true"][value] for row in chosen})
            points = [(true, median(row["found"][value] for row in chosen if row["true"][value] == true)) for true in truths]
            series |= {group: points} if len(points) > 1 else {}
        ends = [true for points in series.values() for true, _ in points]
        exact = {"exact": [(min(ends), min(ends)), (max(ends), max(ends))]} if ends else {}
        if series:
            plot = line_plot({**exact, **series}, f"found (median) against true: {label}", Axis("true", log), Axis("found", log))
            atomic_write(folder / f"inspect-{value}.svg", plot.encode(), overwrite=True)
