"""Scores of a batch of images under the chosen no-reference metrics, and their fusion across a whole set of rivals."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ttpo_cli.metrics.metric import Metric, score
from ttpo_cli.preference.selection import SelectionOptions, fuse


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


def score_images(images: Tensor, panel: Panel) -> Tensor:
    """(N, 3, H, W) -> (N, M) float64, one image at a time. A score that is not finite becomes the worst of its column."""
    with torch.no_grad():
        columns = [torch.cat([score(metric, image[None]).double().cpu() for image in images]) for metric in panel.metrics]
    scores = torch.stack(columns, dim=1) if columns else torch.zeros(len(images), 0, dtype=torch.float64)
    for column, metric in enumerate(panel.metrics):
        finite = torch.isfinite(scores[:, column])
        known = scores[finite, column]
        worst = 0.0 if not len(known) else float(known.max() if metric.lower_is_better else known.min())
        scores[~finite, column] = worst
    return scores


def fused_scores(scores: Tensor, panel: Panel, options: SelectionOptions) -> Tensor:
    """One score a row, relative to the other rows: (N, M) -> (N,). Without a metric that can judge, all rows count 0."""
    if not panel.metrics:
        return torch.zeros(len(scores), dtype=torch.float64)
    lower = [metric.lower_is_better for metric in panel.metrics]
    return fuse(scores, panel.names, lower, [metric.pristine for metric in panel.metrics], options)
