"""Filters over pixels, in their own domain: any odd kernel, and the Gaussian as two passes of a row. Edges are reflected."""

import math

import torch
from torch import Tensor
from torch.nn import functional


def filtered(image: Tensor, kernel: Tensor) -> Tensor:
    """Correlate each channel of (N, C, H, W) with an odd kernel (K, K)."""
    return functional.conv2d(
        _padded(image, kernel.shape[-1] // 2), kernel.to(image).expand(image.shape[1], 1, -1, -1), groups=image.shape[1]
    )


def gaussian_blur(image: Tensor, sigma: float, reach: int | None = None) -> Tensor:
    """The Gaussian of deviation `sigma` pixels and gain 1, (N, C, H, W) -> same; the image itself for 0.

    reach: how many pixels to either side count; None: three deviations.
    """
    if sigma == 0:
        return image
    reach = math.ceil(3 * sigma) if reach is None else reach
    offsets = torch.arange(-reach, reach + 1, dtype=image.dtype, device=image.device)
    weights = torch.exp(-(offsets**2) / (2 * sigma**2))
    weights = (weights / weights.sum()).expand(image.shape[1], 1, 1, -1)
    rows = functional.conv2d(_padded(image, reach), weights, groups=image.shape[1])
    return functional.conv2d(rows, weights.transpose(2, 3), groups=image.shape[1])


def _padded(image: Tensor, reach: int) -> Tensor:
    """The image with its edges reflected, or repeated where it is smaller than the reach."""
    mode = "reflect" if reach < min(image.shape[-2:]) else "replicate"
    return functional.pad(image, (reach,) * 4, mode=mode)
