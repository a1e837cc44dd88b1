"""Scores of a batch of images under the chosen no-reference metrics, and their fusion across a whole set of rivals."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ttpo_cli.device.batching import Batch
from ttpo_cli.metrics.metric import Metric, score
from ttpo_cli.preference.selection import fuse
from ttpo_cli.settings.selection import SelectionOptions


@dataclass(frozen=True)
class Panel:
    """The metrics that can judge an image of this size, and the names of those that cannot."""

    metrics: tuple[Metric, ...]
    left_out: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(metric.name for metric in self.metrics)


def panel_for(metrics: Sequence[Metric], height: int, width: int) -> Panel:
    """Leave out the metrics that an image of height x width is too small for."""
    able = tuple(metric for metric in metrics if min(height, width) >= metric.minimum_size)
    return Panel(able, tuple(metric.name for metric in metrics if metric not in able))


def score_images(images: Tensor, panel: Panel, notes: list[str] | None = None) -> Tensor:
    """(N, 3, H, W) -> (N, M) float64, in batches that each metric takes. A score that is not finite is the worst of its column.

    notes: gains a line for every batch that memory did not allow.
    """
    with torch.no_grad():
        columns = [_column(metric, images, [] if notes is None else notes) for metric in panel.metrics]
    scores = torch.stack(columns, dim=1) if columns else torch.zeros(len(images), 0, dtype=torch.float64)
    for column, metric in enumerate(panel.metrics):
        finite = torch.isfinite(scores[:, column])
        known = scores[finite, column]
        worst = 0.0 if not len(known) else float(known.max() if metric.lower_is_better else known.min())
        scores[~finite, column] = worst
    return scores


def _column(metric: Metric, images: Tensor, notes: list[str]) -> Tensor:
    batch = Batch(metric.batch, f"images for {metric.name}")
    column = batch.run(lambda part: score(metric, images[part]).double().cpu(), len(images), images.device)
    notes += batch.notes
    return column


def fused_scores(scores: Tensor, panel: Panel, options: SelectionOptions) -> Tensor:
    """One score a row, relative to the other rows: (N, M) -> (N,). Without a metric that can judge, all rows count 0."""
    if not panel.metrics:
        return torch.zeros(len(scores), dtype=torch.float64)
    lower = [metric.lower_is_better for metric in panel.metrics]
    if options.weights and panel.left_out:  # those that can judge keep their weights; where none of them has one, they count alike
        weights = {name: weight for name, weight in options.weights.items() if name not in panel.left_out}
        options = replace(options, weights=weights, fusion=options.fusion if any(weights.values()) else "mean")
    return fuse(scores, panel.names, lower, [metric.pristine for metric in panel.metrics], options)
