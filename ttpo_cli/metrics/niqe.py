"""NIQE: distance of an image's natural-scene statistics from those of pristine photos (Mittal, Soundararajan, Bovik, IEEE SPL 2013)."""

import dataclasses

import torch
from torch import Tensor

from ttpo_cli.imaging.colour import luma
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.metrics.natural_scene import by_strips, contrast_normalised, into_blocks

BLOCK = 96
# A flat area has coefficients of exactly zero, on no side of it. pyiqa's window of float32 weights sums to 1 + 1.135e-8 and so
# counts flat pixels as negative; on photos with clipped areas this moves NIQE by up to 0.9, and users compare with pyiqa.
PYIQA_TILT = 1.135e-8


@dataclasses.dataclass(frozen=True)
class NiqeModel:
    """The pristine Gaussian: mean (36,) and covariance (36, 36) of the features of pristine photos' sharp blocks."""

    mean: Tensor
    covariance: Tensor


def niqe(image: Tensor, model: NiqeModel, tilt: float = PYIQA_TILT) -> Tensor:
    """NIQE of (N, 3, H, W) RGB in [0, 1] -> (N,) float64, lower is better; about 2 to 6 for photos.

    MATLAB's protocol: Y of BT.601 rounded to 8 bit, blocks of 96 px without overlap (a remainder is left out), the second
    scale by `imresize(., 0.5)`. Needs 96 px each way. A block without contrast has undefined widths and means: it is left out
    of the covariance, they out of the mean (its shapes count as 0.2). One block alone has no spread: its covariance counts zero.
    NaN where a feature is undefined in every block (an image of one colour).
    tilt: the side of zero of flat pixels: as pyiqa's by default, 0 for exact arithmetic (MATLAB's 5.72957 for baboon.png).
    """
    return _distance(niqe_features(image, tilt), model)


def niqe_features(image: Tensor, tilt: float = PYIQA_TILT) -> Tensor:
    """The 36 features of each 96 px block: (N, 3, H, W) RGB in [0, 1] -> (N, blocks, 36) float64, NaN where undefined."""
    rows, columns = image.shape[-2] // BLOCK, image.shape[-1] // BLOCK

    def strip_features(strip: Tensor, first: int, height: int) -> Tensor:
        scales = []
        grey = rounded_luma(strip)
        for shrink, level in ((1, grey), (2, imresize(grey / 255, scale=0.5) * 255)):
            normalised = contrast_normalised(level, tilt)[..., first // shrink : (first + height) // shrink, :]
            scales.append(block_features(into_blocks(normalised, BLOCK // shrink)))
        return torch.cat(scales, dim=-1)

    return by_strips(image[..., : rows * BLOCK, : columns * BLOCK], BLOCK, strip_features)


def rounded_luma(image: Tensor) -> Tensor:
    """(N, 3, H, W) RGB in [0, 1] -> (N, 1, H, W) float64 Y of BT.601, whole levels of 16..235."""
    return (luma(image.double()) * 255).round()


def block_features(blocks: Tensor) -> Tensor:
    """18 features of each block (..., size, size): shape and width of its own distribution, and of four neighbours' products."""
    alpha, left, right = fit_aggd(blocks)
    features = [alpha, (left + right) / 2]
    for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
        alpha, left, right = fit_aggd(blocks * torch.roll(blocks, shift, dims=(-2, -1)))
        mean = (right - left) * (torch.lgamma(2 / alpha) - torch.lgamma(1 / alpha)).exp()  # Eq. 8
        features += [alpha, mean, left, right]
    return torch.stack(features, dim=-1)


def fit_aggd(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Asymmetric generalised Gaussian by moments over the last two axes (Lasmar et al. 2009): (alpha, beta left, beta right).

    alpha is searched in 0.2..10 in steps of 0.001. Where one side of zero is empty, alpha is 0.2, as MATLAB's and pyiqa's
    search leave it, and the side's beta NaN.
    """
    shapes = torch.arange(0.2, 10.001, 0.001, dtype=values.dtype, device=values.device)
    ratios = (2 * torch.lgamma(2 / shapes) - torch.lgamma(1 / shapes) - torch.lgamma(3 / shapes)).exp()
    left, right = _side_deviation(values.clamp(max=0)), _side_deviation(values.clamp(min=0))
    balance = left / right
    moments = values.abs().mean((-2, -1)) ** 2 / (values**2).mean((-2, -1))
    wanted = moments * (balance**3 + 1) * (balance + 1) / (balance**2 + 1) ** 2
    alpha = shapes[_nearest(ratios, wanted.nan_to_num())]
    width = ((torch.lgamma(1 / alpha) - torch.lgamma(3 / alpha)) / 2).exp()
    return alpha, left * width, right * width


def _side_deviation(values: Tensor) -> Tensor:
    """Root mean square of the values that are not zero; NaN where there are none."""
    return ((values**2).sum((-2, -1)) / (values != 0).sum((-2, -1))).sqrt()


def _nearest(table: Tensor, wanted: Tensor) -> Tensor:
    """Index of the entry of an ascending table nearest to each wanted value."""
    above = torch.searchsorted(table, wanted.contiguous()).clamp(1, len(table) - 1)
    return torch.where(wanted - table[above - 1] <= table[above] - wanted, above - 1, above)


def _distance(features: Tensor, model: NiqeModel) -> Tensor:
    """Eq. 10 for (N, blocks, 36) -> (N,)."""
    mean = features.nanmean(dim=1)
    spread = torch.stack([feature_covariance(rows) for rows in features])
    undefined = mean.isnan().any(dim=1)
    offset = (mean.nan_to_num() - model.mean.to(features))[:, None]
    inverse = torch.linalg.pinv((spread + model.covariance.to(features)) / 2)
    distance = (offset @ inverse @ offset.transpose(1, 2)).flatten().sqrt()
    return torch.where(undefined, torch.nan, distance)


def feature_covariance(rows: Tensor) -> Tensor:
    """Covariance (36, 36) of the rows (blocks, 36) without NaN; zero where fewer than two are left."""
    whole = rows[~rows.isnan().any(dim=1)]
    if len(whole) < 2:
        return rows.new_zeros(rows.shape[1], rows.shape[1])
    return whole.T.cov()
