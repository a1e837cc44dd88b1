"""`ttpo score`: how good photos are, by any metric, against a reference or without one."""

from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.terminal.console import Json, NoColor, Quiet, Terminal
from ttpo_cli.cli.terminal.table import Csv, choose_format
from ttpo_cli.errors import UsageError

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
    choose_format(json, csv)
    if not photos and not list_metrics:
        raise UsageError("no photo is given: name files or folders, or ask for --list-metrics")
    from ttpo_cli.cli import score_run as run
    from ttpo_cli.device.device import choose_device
    from ttpo_cli.folder.plan import photo_files

    if list_metrics:
        run.write_metrics(json, csv, markdown)
        return
    terminal, chosen = Terminal(quiet, no_color=no_color), choose_device(device)
    names = options.metric_names(metrics or (WITHOUT_REFERENCE if ref is None else WITH_REFERENCE), terminal)
    loaded = run.load(names, chosen, options.metric_files(metric_weights), terminal)
    paths = photo_files(photos or (), recursive)
    if levels:
        run.write_levels(loaded, paths, json, csv)
        return
    entries, failures = run.score_photos(paths, ref, loaded, border, chosen, terminal)
    run.write_scores(entries, failures, loaded, json, csv, terminal)
    if failures:
        raise typer.Exit(failures[0]["exit_code"])
