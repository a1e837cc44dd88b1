"""How pristine photos score: the level above which a no-reference metric says nothing more about quality, and its unit."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ttpo_cli.errors import UsageError
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.metrics.metric import Metric, score

CROP = 512  # px


@dataclasses.dataclass(frozen=True)
class Level:
    """pristine: median score of pristine photos; scale: interquartile range over the same photos degraded."""

    pristine: float | None
    scale: float | None


# Kodak's 24 photos and the 49 of Zelex/images (CC), by
#   ttpo score kodak24 photos_cc --levels --metrics niqe,piqe --metric-weights niqe=niqe_pris_params.npz
# and "ilniqe" of every eighth of them (kodim01.png, kodim09.png, ... 049.png) with its published templateModel.mat.
# "niqe" is the level of the published model; ours carries its own. Metrics that are not here have no known ceiling.
LEVELS: dict[str, Level] = {
    "niqe": Level(3.851, 2.582),
    "piqe": Level(31.222, 38.857),
    "ilniqe": Level(22.521, 35.279),
}


def pristine_level(metric: Metric, photos: Sequence[Path], crop: int = CROP) -> Level:
    """The level of a no-reference metric over centre crops of pristine photos (smaller photos whole).

    Degraded: each crop shrunk and enlarged by 4, by 2, and with Gaussian noise of 10/255. Raises UsageError for a metric that
    needs a reference, or where no photo is large enough.
    """
    if metric.needs_reference:
        raise UsageError(f"metric '{metric.name}' compares with a reference: only no-reference metrics have a pristine level")
    pristine, degraded = [], []
    for path in photos:
        photo = centre_crop(read_photo(path).pixels, crop)
        if min(photo.shape[-2:]) >= metric.minimum_size:
            pristine.append(score(metric, photo))
            degraded += [score(metric, poor) for poor in _degraded(photo)]
    if not pristine:
        raise UsageError(f"none of {len(photos)} photos has the {metric.minimum_size} px a side that metric '{metric.name}' needs")
    first, third = torch.cat(degraded).double().nanquantile(torch.tensor([0.25, 0.75], dtype=torch.float64)).tolist()
    return Level(torch.cat(pristine).double().nanmedian().item(), third - first)


def centre_crop(image: Tensor, side: int) -> Tensor:
    """The middle `side` pixels of each axis, all of an axis that is shorter."""
    height, width = image.shape[-2:]
    top, left = max(0, height - side) // 2, max(0, width - side) // 2
    return image[..., top : top + side, left : left + side]


def _degraded(photo: Tensor) -> Iterator[Tensor]:
    size = (photo.shape[-2], photo.shape[-1])
    for factor in (4, 2):
        yield imresize(imresize(photo, 1 / factor), size=size)
    yield photo + torch.randn(photo.shape, generator=torch.Generator().manual_seed(0)) * (10 / 255)
