"""A quality metric as a value: a function of images, and all that a fair use of it must know."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ttpo_cli.device.batching import Batch
from ttpo_cli.errors import UsageError


@dataclasses.dataclass(frozen=True)
class Metric:
    """One metric, loaded. Call it through `score`, which checks what `function` takes for granted.

    Attributes:
        function: Image (N, 3, H, W) RGB in [0, 1] -> scores (N,); with `needs_reference`, (image, reference) -> scores (N,).
        pristine: Median over pristine photos, of no-reference metrics only; None: not known. A better score is not better quality: such
            metrics are hacked by texture, so a selection clips them here.
        scale: Interquartile range over degraded photos, the unit in which differences mean something; None: not known.
        target: The perfect value where neither up nor down is better (energy ratios: 1); None elsewhere.
        range: About the least and the greatest score, by definition or as stated with its code; None on a side without a bound.
        batch: Images of one size that one call scores at most.
        files: The weight files, or folders of them, that were read in addition to what ttpo embeds.
    """

    name: str
    function: Callable[..., Tensor]
    lower_is_better: bool
    needs_reference: bool
    minimum_size: int
    pristine: float | None
    scale: float | None
    licence: str
    source: str
    differentiable: bool
    target: float | None = None
    range: tuple[float | None, float | None] = (None, None)
    batch: int = 1
    files: tuple[Path, ...] = ()


def describe(metric: Metric) -> dict[str, Any]:
    """Everything about a metric but its function and where its files are: what a report says next to its scores."""
    return {field.name: getattr(metric, field.name) for field in dataclasses.fields(metric) if field.name not in ("function", "files")}


def score(metric: Metric, image: Tensor, reference: Tensor | None = None) -> Tensor:
    """The scores (N,) of an image batch (N, 3, H, W) RGB in [0, 1]; values outside are clamped, since networks overshoot.

    Raises UsageError where an image is smaller than the metric can score, a needed reference is missing, or the sizes differ.
    A score may be NaN where the metric is undefined (NIQE of an image of one colour).
    """
    height, width = image.shape[-2:]
    if min(height, width) < metric.minimum_size:
        raise UsageError(
            f"metric '{metric.name}' needs at least {metric.minimum_size}x{metric.minimum_size} px, this image has {width}x{height}: "
            "use a larger image or another metric"
        )
    image = image.clamp(0, 1)
    if not metric.needs_reference:
        return metric.function(image)
    if reference is None:
        raise UsageError(f"metric '{metric.name}' compares with a reference: give one with --ref, or use a no-reference metric")
    if reference.shape != image.shape:
        wanted, given = "x".join(map(str, reference.shape[:1:-1])), "x".join(map(str, image.shape[:1:-1]))
        raise UsageError(f"metric '{metric.name}': the image has {given} px, its reference {wanted}: give a reference of the same size")
    return metric.function(image, reference.clamp(0, 1))


@torch.no_grad()
def batched_scores(metric: Metric, images: Tensor, reference: Tensor | None = None, notes: list[str] | None = None) -> Tensor:
    """The scores (N,) of images under one metric, float64 on the CPU, in batches that the metric and memory take.

    notes: gains a line for every batch that memory did not allow. Raises what `score` raises.
    """
    batch = Batch(metric.batch, f"images for {metric.name}")

    def one(part: slice) -> Tensor:
        return score(metric, images[part], None if reference is None else reference[part]).double().cpu()

    scores = batch.run(one, len(images), images.device)
    if notes is not None:
        notes += batch.notes
    return scores
