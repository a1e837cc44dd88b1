"""The full-reference score the ranker learns from: texture and structure similarity of Haar bands, after DISTS.

DISTS (Ding et al. 2020, arXiv 2004.07728, Eq. 5-6) compares means and correlations of deep features; here the features are Haar bands in
small windows, so that no third-party weights are needed: texture asks whether a window has as much energy as the truth's, structure
whether it has it in the same places.
"""

import torch
from torch import Tensor
from torch.nn import functional

from ttpo_cli.imaging.colour import luma
from ttpo_cli.imaging.wavelets import haar_dwt

LEVELS = 3
WINDOW = 4
# Energies below the visible, (2 / 255)^2 for one level's coefficients, count as equal: no reward for sub-visible noise, no blame either.
VISIBLE = (2 / 255) ** 2


def haar_similarity(image: Tensor, truth: Tensor, texture: float = 0.6) -> Tensor:
    """(N, 3, H, W) against the truth, both in [0, 1]: similarity in [-1, 1], 1 for the truth itself, (N,).

    texture: the share of the texture term; the rest is structure. H and W multiples of 8, at least 32.
    """
    return haar_similarity_map(image, truth, texture).mean(dim=(1, 2, 3))


def haar_similarity_map(image: Tensor, truth: Tensor, texture: float = 0.6) -> Tensor:
    """The same per neighbourhood: (N, 1, H/8, W/8), mean over levels and bands."""
    low, low_truth = luma(image), luma(truth)
    height, width = image.shape[-2] // 8, image.shape[-1] // 8
    maps = []
    for _ in range(LEVELS):
        bands, bands_truth = haar_dwt(low), haar_dwt(low_truth)
        low, low_truth = bands[:, :1] / 2, bands_truth[:, :1] / 2
        similar = similarity(bands[:, 1:], bands_truth[:, 1:], texture).mean(dim=1, keepdim=True)
        maps.append(functional.interpolate(similar, size=(height, width), mode="area"))
    colour = 1 - 10 * (haar_dwt(image)[:, :3] - haar_dwt(truth)[:, :3]).abs().mean(dim=1, keepdim=True) / 2
    maps.append(functional.interpolate(colour.clamp(min=0), size=(height, width), mode="area"))
    return torch.cat(maps, dim=1).mean(dim=1, keepdim=True)


def similarity(bands: Tensor, truth: Tensor, texture: float) -> Tensor:
    """texture * T + (1 - texture) * S of zero-mean bands, T and S of DISTS' form with energies in place of variances."""
    energy, energy_truth = _windowed(bands.square()), _windowed(truth.square())
    common = _windowed(bands * truth)
    amount = (2 * (energy * energy_truth).clamp(min=1e-14).sqrt() + VISIBLE) / (energy + energy_truth + VISIBLE)
    place = (2 * common + VISIBLE) / (energy + energy_truth + VISIBLE)
    return texture * amount + (1 - texture) * place


def _windowed(values: Tensor) -> Tensor:
    size = min(2 * WINDOW, *values.shape[-2:])
    return functional.avg_pool2d(values, size, stride=max(1, size // 2))
