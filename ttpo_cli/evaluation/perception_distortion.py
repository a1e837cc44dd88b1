"""The perception-distortion plane of two-stage super-resolvers (Blau & Michaeli, CVPR 2018; LFC-SR's Fig. 3, 6 and 8)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from ttpo_cli.backbones.backbone import Backbone
from ttpo_cli.backbones.inference import restore
from ttpo_cli.errors import UsageError
from ttpo_cli.evaluation.dataset import Item
from ttpo_cli.evaluation.evaluation import Scores, score_image
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.metrics.metric import Metric
from ttpo_cli.metrics.psnr import on_8_bit_grid
from ttpo_cli.progress import OnCount
from ttpo_cli.settings.restore import RestoreOptions
from ttpo_cli.training.lfc.validation import low_difference

OUTPUTS = ("objective", "perceptual")


@dataclass(frozen=True)
class Model:
    """One checkpoint of two stages, as a backbone that gives the objective image and one that gives the perceptual image."""

    name: str
    objective: Backbone
    perceptual: Backbone


@dataclass(frozen=True)
class Point:
    """Means over a dataset. low_mae: mean |LL| difference of the model's two images, grey levels; None on an interpolation curve."""

    model: str
    output: str
    scores: Scores
    low_mae: float | None


def measure(
    items: Sequence[Item], models: Sequence[Model], metrics: Sequence[Metric], device: torch.device, on_step: OnCount
) -> Iterator[Point]:
    """Both outputs of each model over a dataset of pairs. Raises UsageError where a photo has no reference."""
    for number, model in enumerate(models):
        rows: dict[str, list[Scores]] = {output: [] for output in OUTPUTS}
        differences = []
        for done, item in enumerate(items):
            lq, hq = _read(item)
            images = {"objective": _made(model.objective, lq, device), "perceptual": _made(model.perceptual, lq, device)}
            differences.append(float(low_difference(images["objective"], images["perceptual"])))
            for output, image in images.items():
                rows[output].append(score_image(image.to(device), hq.to(device), metrics, model.objective.scale))
            on_step(number * len(items) + done + 1, len(models) * len(items))
        for output in OUTPUTS:
            yield Point(model=model.name, output=output, scores=_means(rows[output]), low_mae=fmean(differences))


def check_scales(items: Sequence[Item], models: Sequence[Model]) -> None:
    """Raise UsageError where a model does not enlarge a photo to its reference's size, before any is measured."""
    for item in items:
        lq, hq = (pixels.shape[-2:] for pixels in _read(item))
        for model in models:
            scale = model.objective.scale
            if (lq[0] * scale, lq[1] * scale) != tuple(hq):
                sizes = f"{lq[1]}x{lq[0]} and its reference {hq[1]}x{hq[0]}"
                raise UsageError(f"{model.name} enlarges {scale} times, and {item.name} is {sizes}: compare models of the dataset's scale")


def interpolate(
    items: Sequence[Item], objective: Model, perceptual: Model, metrics: Sequence[Metric], device: torch.device, shares: Sequence[float]
) -> list[Point]:
    """The curve of alpha Y_O + (1 - alpha) Y_P between one model's objective and another's perceptual images, Eq. 14.

    shares: of the perceptual image. What a constraint must lie beyond to have gained anything.
    """
    rows: dict[float, list[Scores]] = {share: [] for share in shares}
    for item in items:
        lq, hq = _read(item)
        first, second = _made(objective.objective, lq, device), _made(perceptual.perceptual, lq, device)
        for share in shares:
            mixed = on_8_bit_grid(torch.lerp(first, second, share))
            rows[share].append(score_image(mixed.to(device), hq.to(device), metrics, objective.objective.scale))
    name = f"{objective.name} .. {perceptual.name}"
    return [Point(model=name, output=f"{share:.2f}", scores=_means(rows[share]), low_mae=None) for share in shares]


def best_of(points: Sequence[Point], output: str, metric: Metric) -> str:
    """The name of the model whose `output` has the best mean score. Raises UsageError where the metric could score none."""
    sign = 1 if metric.lower_is_better else -1
    found = {point.model: sign * value for point in points if point.output == output and (value := point.scores[metric.name]) is not None}
    if not found:
        raise UsageError(f"{metric.name} could score no photo of this dataset: choose another metric")
    return min(found, key=lambda name: found[name])


def _read(item: Item) -> tuple[Tensor, Tensor]:
    if item.hq is None:
        raise UsageError(f"{item.name} has no reference: the plane needs a dataset of HR/LR pairs")
    return read_photo(item.lq).pixels, read_photo(item.hq).pixels


def _made(backbone: Backbone, lq: Tensor, device: torch.device) -> Tensor:
    """As written into an 8-bit file."""
    return on_8_bit_grid(restore(backbone, lq, device, RestoreOptions()).image.cpu())


def _means(rows: Sequence[Scores]) -> Scores:
    known = {name: [value for row in rows if (value := row[name]) is not None] for name in rows[0]}
    return {name: fmean(values) if values else None for name, values in known.items()}
