"""What `ttpo train plane` does: measure the outputs of checkpoints, and show the plane as a table, as an SVG and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ttpo_cli.backbones.catalog import load_backbone
from ttpo_cli.cli.terminal.console import SCHEMA_VERSION, Terminal, counted, write_json
from ttpo_cli.errors import UsageError
from ttpo_cli.evaluation.dataset import find_items
from ttpo_cli.evaluation.perception_distortion import Model, Point, best_of, check_scales, interpolate, measure
from ttpo_cli.imaging.atomic import atomic_write
from ttpo_cli.metrics.catalog import load_metric
from ttpo_cli.metrics.metric import Metric
from ttpo_cli.report.plot import Axis, line_plot

SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Plane:
    """What was measured.

    Attributes:
        photos: how many.
        metrics: the two of the axes first.
        points: each model's two outputs.
        curve: from the best objective output to the best perceptual one.
    """

    photos: int
    metrics: list[Metric]
    points: list[Point]
    curve: list[Point]


def measure_plane(
    datasets: Sequence[Path],
    given: Sequence[str],
    names: Sequence[str],
    files: Mapping[str, Path],
    device: torch.device,
    terminal: Terminal,
) -> Plane:
    """Measure the models, given as NAME=FILE, by these metrics. Raises UsageError for two models of one name."""
    loaded = [load_metric(name, device, files.get(name)) for name in names]
    items = [item for dataset in datasets for item in find_items(dataset)]
    models = [_model(text) for text in given]
    by_name = {each.name: each for each in models}
    if len(by_name) < len(models):
        raise UsageError(f"--model: {len(models)} models have only {len(by_name)} names: give each a name of its own")
    check_scales(items, models)
    with terminal.progress("plane") as on_step:
        points = list(measure(items, models, loaded, device, lambda done, total: on_step("photos", done, total)))
    ends = [by_name[best_of(points, stage, metric)] for stage, metric in zip(("objective", "perceptual"), loaded, strict=False)]
    curve = interpolate(items, ends[0], ends[1], loaded, device, SHARES)
    return Plane(photos=len(items), metrics=loaded, points=points, curve=curve)


def show(plane: Plane, output: Path | None, overwrite: bool, json: bool, terminal: Terminal) -> None:
    """The table on stderr, the SVG where one is wanted, the JSON on stdout."""
    names = [metric.name for metric in plane.metrics]
    title = f"means of {counted(plane.photos, 'photo')}"
    terminal.table(title, ["model", "output", *names, "low MAE"], [_cells(point) for point in [*plane.points, *plane.curve]])
    if output is not None:
        atomic_write(output, _plot(plane).encode(), overwrite)
    if json:
        drawn = {"points": [vars(point) for point in plane.points], "curve": [vars(point) for point in plane.curve]}
        write_json({"schema_version": SCHEMA_VERSION, "photos": plane.photos, **drawn})


def _model(text: str) -> Model:
    name, equals, file = text.partition("=")
    if not equals:
        raise UsageError(f"--model {text}: write it as NAME=FILE")
    both = [load_backbone(file, blend=blend) for blend in (0.0, 1.0)]
    return Model(name, both[0], both[1])


def _cells(point: Point) -> list[str]:
    values = ["-" if value is None else f"{value:.4g}" for value in point.scores.values()]
    return [point.model, point.output, *values, "-" if point.low_mae is None else f"{point.low_mae:.3f}"]


def _plot(plane: Plane) -> str:
    across, upward = plane.metrics[0].name, plane.metrics[1].name
    series: dict[str, list[tuple[float, float]]] = {}
    for name, each in [*((point.model, point) for point in plane.points), *(("interpolation", point) for point in plane.curve)]:
        x, y = each.scores[across], each.scores[upward]
        if x is not None and y is not None:
            series.setdefault(name, []).append((x, y))
    return line_plot(series, "objective to perceptual output", Axis(f"{across}, dB"), Axis(upward))
