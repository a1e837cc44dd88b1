"""`ttpo score`: how good photos are, by any metric, against a reference or without one."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.terminal.console import SCHEMA_VERSION, Json, NoColor, Quiet, Terminal, write_json, write_line
from ttpo_cli.cli.terminal.downloads import opened_store
from ttpo_cli.cli.terminal.table import Cell, Csv, write_sheet
from ttpo_cli.errors import TtpoError, UsageError

if TYPE_CHECKING:
    from ttpo_cli.metrics.metric import Metric


WITHOUT_REFERENCE = "niqe,piqe,ranker"

WITH_REFERENCE = "psnr_y,ssim_y,high_band_smooth,high_band_textured,niqe,piqe,ranker"


def score(
    photos: Annotated[list[Path] | None, typer.Argument(metavar="PHOTO", help="Files or folders.", show_default=False)] = None,
    ref: Annotated[Path | None, typer.Option(help="What to compare with: a photo, or a folder of photos of the same names.")] = None,
    metrics: Annotated[
        str | None, typer.Option(help=f"By commas; {WITHOUT_REFERENCE}, with --ref {WITH_REFERENCE}.", metavar="A,B,..", show_default=False)
    ] = None,
    metric_weights: options.MetricWeights = None,
    border: Annotated[int, typer.Option(min=0, help="Pixels that comparisons leave out at each side; the scale, in SR papers.")] = 0,
    levels: Annotated[
        bool, typer.Option("--levels", help="Not each photo's: the level above which a no-reference metric says nothing, of these.")
    ] = False,
    list_metrics: Annotated[bool, typer.Option("--list-metrics", help="Not photos: every metric there is, and its facts.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="With --list-metrics: as a table of Markdown.")] = False,
    device: options.Device = "auto",
    recursive: options.Recursive = False,
    offline: options.Offline = False,
    manifest: options.Manifest = None,
    json: Json = False,
    csv: Csv = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Score photos, and their mean. Full-reference metrics need --ref; values as files hold them, PSNR and SSIM on 8 bit."""
    if json and csv:
        raise UsageError("--json and --csv: choose one")
    if list_metrics:
        write_metrics(json, csv, markdown)
        return
    if not photos:
        raise UsageError("no photo is given: name files or folders, or ask for --list-metrics")
    from ttpo_cli.device.device import choose_device
    from ttpo_cli.metrics.catalog import load_metrics

    terminal = Terminal(quiet, no_color=no_color)
    chosen, files = choose_device(device), options.metric_files(metric_weights)
    names = options.metric_names(metrics or (WITHOUT_REFERENCE if ref is None else WITH_REFERENCE), terminal)
    with opened_store(terminal) as store:
        loaded = load_metrics(names, chosen, files, store.find)
    paths = _files(photos, recursive)
    if levels:
        _write_levels(loaded, paths, json, csv)
        return
    entries, failures = [], []
    with terminal.progress("score") as on_step:
        for done, path in enumerate(paths):
            try:
                entries.append(_score_one(path, ref, loaded, border, chosen))
            except TtpoError as error:
                terminal.error(f"{path}: {error}")
                failures.append({"photo": str(path), "error": str(error), "exit_code": error.exit_code})
            on_step("photos", done + 1, len(paths))
    _write(entries, failures, loaded, json, csv)
    if failures:
        raise typer.Exit(failures[0]["exit_code"])


def _files(photos: list[Path], recursive: bool) -> list[Path]:
    """Files as given, folders as the photos in them."""
    from ttpo_cli.folder.plan import photos_in

    return [path for given in photos for path in (photos_in(given, recursive) if given.is_dir() else [given])]


def _score_one(path: Path, ref: Path | None, loaded: "Sequence[Metric]", border: int, device: Any) -> dict[str, Any]:
    from ttpo_cli.evaluation.dataset import find_reference
    from ttpo_cli.imaging.reading import read_photo
    from ttpo_cli.metrics.metric import score as score_of
    from ttpo_cli.metrics.psnr import cropped

    image = read_photo(path).pixels.to(device)
    reference = None if ref is None else find_reference(path, ref)
    compared = None if reference is None else read_photo(reference).pixels.to(device)
    scores = {}
    for metric in loaded:
        if metric.needs_reference and compared is not None and border:
            if 2 * border >= min(*image.shape[-2:], *compared.shape[-2:]):
                raise UsageError(f"--border {border} leaves nothing of the photo: give a smaller one")
            value = score_of(metric, cropped(image, border), cropped(compared, border))
        else:
            value = score_of(metric, image, compared)
        scores[metric.name] = float(value)
    return {"photo": str(path), "reference": None if reference is None else str(reference), "scores": scores}


def _write(entries: list[dict[str, Any]], failures: list[dict[str, Any]], loaded: "Sequence[Metric]", json: bool, csv: bool) -> None:
    from ttpo_cli.evaluation.evaluation import mean_rows
    from ttpo_cli.metrics.metric import describe
    from ttpo_cli.report.record import jsonable

    mean = mean_rows([{"rows": {"mean": jsonable(entry["scores"])}} for entry in entries]).get("mean", {})
    if json:
        facts = [describe(metric) for metric in loaded]
        write_json(jsonable({"schema_version": SCHEMA_VERSION, "metrics": facts, "photos": entries, "mean": mean, "failures": failures}))
        return
    names = [metric.name for metric in loaded]
    rows: list[list[Cell]] = [[entry["photo"], *(entry["scores"][name] for name in names)] for entry in entries]
    if len(rows) > 1:
        rows.append(["mean", *(mean[name] for name in names)])
    write_sheet(["photo", *(names if csv else map(title, loaded))], rows, as_csv=csv, emphasis=len(rows) - 1 if len(rows) > 1 else None)


def title(metric: "Metric") -> str:
    """A metric's name with the way that is better."""
    return f"{metric.name} {'→' + format(metric.target, 'g') if metric.target is not None else '↓' if metric.lower_is_better else '↑'}"


def _write_levels(loaded: "Sequence[Metric]", paths: list[Path], json: bool, csv: bool) -> None:
    """The pristine level of each metric over these photos."""
    from ttpo_cli.metrics.pristine import pristine_level

    measured = {metric.name: pristine_level(metric, paths) for metric in loaded}
    if json:
        write_json(
            {"schema_version": SCHEMA_VERSION, "photos": len(paths), "levels": {name: vars(level) for name, level in measured.items()}}
        )
        return
    write_sheet(["metric", "pristine", "scale"], [[name, level.pristine, level.scale] for name, level in measured.items()], as_csv=csv)


def write_metrics(json: bool, csv: bool, markdown: bool) -> None:
    """All metrics on stdout."""
    from ttpo_cli.metrics.listing import COLUMNS, list_metrics

    listed = list_metrics()
    if json:
        write_json({"schema_version": SCHEMA_VERSION, "metrics": [vars(metric) for metric in listed]})
    elif markdown:
        for row in (COLUMNS, ["---"] * len(COLUMNS), *(metric.cells() for metric in listed)):
            write_line(f"| {' | '.join(row)} |")
    else:
        write_sheet(COLUMNS, [metric.cells() for metric in listed], as_csv=csv)
