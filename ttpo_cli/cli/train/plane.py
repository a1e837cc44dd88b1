"""`ttpo train plane`: checkpoints of two stages compared on fidelity, perception and the low band between their stages."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.terminal.console import SCHEMA_VERSION, Json, NoColor, Quiet, Terminal, counted, write_json
from ttpo_cli.errors import UsageError

if TYPE_CHECKING:
    from ttpo_cli.evaluation.perception_distortion import Model, Point
    from ttpo_cli.metrics.metric import Metric

SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


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
    from ttpo_cli.device.device import choose_device
    from ttpo_cli.evaluation.dataset import find_items
    from ttpo_cli.evaluation.perception_distortion import best_of, check_scales, interpolate, measure
    from ttpo_cli.imaging.atomic import atomic_write, check_target
    from ttpo_cli.metrics.catalog import load_metric

    if output is not None:
        check_target(output, overwrite=overwrite)
    terminal, chosen = Terminal(quiet, no_color=no_color), choose_device(device)
    if perceptual == "psnr_y":
        raise UsageError("--perceptual psnr_y: that is the plane's other axis already; choose a metric of naturalness")
    names = dict.fromkeys(["psnr_y", perceptual, *options.names(metrics)])
    files = options.metric_files(metric_weights)
    loaded = [load_metric(name, chosen, files.get(name)) for name in names]
    items = [item for dataset in datasets for item in find_items(dataset)]
    models = [_model(text) for text in model]
    by_name = {each.name: each for each in models}
    if len(by_name) < len(models):
        raise UsageError(f"--model: {len(models)} models have only {len(by_name)} names: give each a name of its own")
    check_scales(items, models)
    with terminal.progress("plane") as on_step:
        points = list(measure(items, models, loaded, chosen, lambda done, total: on_step("photos", done, total)))
    ends = [by_name[best_of(points, stage, metric)] for stage, metric in zip(("objective", "perceptual"), loaded, strict=False)]
    curve = interpolate(items, ends[0], ends[1], loaded, chosen, SHARES)
    terminal.table(
        f"means of {counted(len(items), 'photo')}", ["model", "output", *names, "low MAE"], [_cells(point) for point in [*points, *curve]]
    )
    if output is not None:
        atomic_write(output, _plot(points, curve, loaded).encode(), overwrite)
    if json:
        drawn = {"points": [vars(point) for point in points], "curve": [vars(point) for point in curve]}
        write_json({"schema_version": SCHEMA_VERSION, "photos": len(items), **drawn})


def _model(text: str) -> "Model":
    from ttpo_cli.backbones.catalog import load_backbone
    from ttpo_cli.evaluation.perception_distortion import Model

    name, equals, file = text.partition("=")
    if not equals:
        raise UsageError(f"--model {text}: write it as NAME=FILE")
    both = [load_backbone(file, blend=blend) for blend in (0.0, 1.0)]
    return Model(name, both[0], both[1])


def _cells(point: "Point") -> list[str]:
    values = ["-" if value is None else f"{value:.4g}" for value in point.scores.values()]
    return [point.model, point.output, *values, "-" if point.low_mae is None else f"{point.low_mae:.3f}"]


def _plot(points: "list[Point]", curve: "list[Point]", metrics: "list[Metric]") -> str:
    from ttpo_cli.report.plot import Axis, line_plot

    across, upward = metrics[0].name, metrics[1].name
    series: dict[str, list[tuple[float, float]]] = {}
    for name, each in [*((point.model, point) for point in points), *(("interpolation", point) for point in curve)]:
        x, y = each.scores[across], each.scores[upward]
        if x is not None and y is not None:
            series.setdefault(name, []).append((x, y))
    return line_plot(series, "objective to perceptual output", Axis(f"{across}, dB"), Axis(upward))
