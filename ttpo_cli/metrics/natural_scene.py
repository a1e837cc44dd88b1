"""Contrast-normalised coefficients of natural scenes, in blocks (Ruderman 1994): what NIQE and PIQE look at."""

from collections.abc import Callable

import torch
from torch import Tensor

# Levels of 0..255 below this are rounding: in a flat area it alone would decide on which side of zero a pixel falls.
_ROUNDING = 1e-9
# An image is scored in strips of about this many pixels: float64 maps of 32 MB, whatever its size.
_PIXELS_AT_ONCE = 4_000_000
# Rows seen above and below a strip, so that cutting changes nothing: more than window and half-size kernel reach.
_HALO = 32


def local_deviation(grey: Tensor, tilt: float = 0.0) -> tuple[Tensor, Tensor]:
    """Mean and deviation of (N, 1, H, W) under a 7x7 Gaussian of sigma 7/6, edges replicated: two maps of the same shape.

    tilt: the window's weights sum to 1 + tilt. The mean is returned without it, the deviation with it: in a flat area of
    level L it is L * sqrt(tilt), which with pyiqa's 1e-8 is a hundredth of a level and moves NIQE.
    """
    offsets = torch.arange(-3, 4, dtype=grey.dtype, device=grey.device)
    window = torch.exp(-(offsets**2) / (2 * (7 / 6) ** 2))
    window = window / window.sum()
    mean = _filter(grey, window)
    variance = (1 + tilt) * _filter(grey**2, window) - ((1 + tilt) * mean) ** 2
    return mean, variance.abs().sqrt()


def contrast_normalised(grey: Tensor, tilt: float = 0.0) -> Tensor:
    """(grey - mean) / (deviation + 1) for a float64 map in 0..255, exactly zero where it is flat.

    tilt: the window's weights sum to 1 + tilt, which puts the pixels of flat areas just below zero.
    """
    mean, deviation = local_deviation(grey, tilt)
    offset = grey - mean
    return (torch.where(offset.abs() < _ROUNDING, 0, offset) - tilt * mean) / (deviation + 1)


def into_blocks(image: Tensor, size: int) -> Tensor:
    """(N, 1, rows * size, columns * size) -> (N, rows * columns, size, size), without overlap, row by row."""
    count, _, height, width = image.shape
    grid = image.reshape(count, height // size, size, width // size, size)
    return grid.transpose(2, 3).reshape(count, -1, size, size)


def by_strips(image: Tensor, block: int, function: Callable[[Tensor, int, int], Tensor], pixels: int = _PIXELS_AT_ONCE) -> Tensor:
    """A per-block result (N, blocks, ...) of an image (N, C, H, W), H a multiple of `block`, strip of block rows by strip.

    function: (strip with halo, first row of the strip proper within it, its height) -> (N, blocks of the strip, ...).
    """
    count, _, height, width = image.shape
    step = max(1, pixels // (count * width * block)) * block
    results = []
    for first in range(0, height, step):
        last = min(height, first + step)
        top, bottom = max(0, first - _HALO), min(height, last + _HALO)
        results.append(function(image[..., top:bottom, :], first - top, last - first))
    return torch.cat(results, dim=1)


def _filter(grey: Tensor, window: Tensor) -> Tensor:
    """Separable filtering with replicated edges, as shifted sums: torch has no fast float64 convolution."""
    radius = len(window) // 2
    padded = torch.nn.functional.pad(grey, (radius,) * 4, mode="replicate")
    height, width = grey.shape[-2:]
    across = torch.zeros_like(padded[..., :width])
    for tap, weight in enumerate(window):
        across += weight * padded[..., tap : tap + width]
    down = torch.zeros_like(grey)
    for tap, weight in enumerate(window):
        down += weight * across[..., tap : tap + height, :]
    return down
