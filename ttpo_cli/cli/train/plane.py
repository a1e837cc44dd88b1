"""`ttpo train plane`: checkpoints of two stages compared on fidelity, perception and the low band between their stages."""

from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.terminal.console import Json, NoColor, Quiet, Terminal
from ttpo_cli.errors import UsageError


def plane(
    datasets: Annotated[list[Path], typer.Argument(help="Folders of HR/LR pairs; their photos count alike.")],
    model: Annotated[list[str], typer.Option(metavar="NAME=FILE", help="A checkpoint of `ttpo train lfc`; repeat for each.")],
    perceptual: Annotated[str, typer.Option(help="The metric of the plane's other axis.")] = "piqe",
    metrics: Annotated[str, typer.Option(help="More metrics for the table, by commas.", metavar="A,B,..")] = "ssim_y,niqe",
    metric_weights: options.MetricWeights = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The plane as an SVG.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the SVG if it exists.")] = False,
    device: options.Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Each model's two outputs, and the curve between the best objective and the best perceptual one (Eq. 14), as a table and a plot."""
    from ttpo_cli.cli.train.plane_run import measure_plane, show
    from ttpo_cli.device.device import choose_device
    from ttpo_cli.imaging.atomic import check_target

    if output is not None:
        check_target(output, overwrite=overwrite)
    terminal, chosen = Terminal(quiet, no_color=no_color), choose_device(device)
    if perceptual == "psnr_y":
        raise UsageError("--perceptual psnr_y: that is the plane's other axis already; choose a metric of naturalness")
    names = list(dict.fromkeys(["psnr_y", perceptual, *options.names(metrics)]))
    measured = measure_plane(datasets, model, names, options.metric_files(metric_weights), chosen, terminal)
    show(measured, output, overwrite, json, terminal)
