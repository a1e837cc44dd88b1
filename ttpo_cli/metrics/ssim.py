"""Structural similarity on Y of BT.601 (Wang, Bovik, Sheikh, Simoncelli, IEEE TIP 2004)."""

import torch
from torch import Tensor
from torch.nn import functional

from ttpo_cli.imaging.colour import luma
from ttpo_cli.metrics.psnr import on_8_bit_grid

WINDOW = 11
_STABILISERS = (0.01**2, 0.03**2)


def ssim_y(image: Tensor, reference: Tensor) -> Tensor:
    """SSIM of (N, 3, H, W) RGB in [0, 1] -> (N,), 1 where equal: 11x11 Gaussian of sigma 1.5, only where it fits whole.

    Image and reference are rounded to 8 bit first, Y is not. Needs 11 px each way. The value of super-resolution tables,
    which crop a border of `scale` pixels before.
    """
    x, y = luma(on_8_bit_grid(image)), luma(on_8_bit_grid(reference))
    moments = _blur(torch.cat((x, y, x * x, y * y, x * y), dim=1))
    mean_x, mean_y, square_x, square_y, product = moments.double().split(1, dim=1)
    first, second = _STABILISERS
    likeness = (2 * mean_x * mean_y + first) * (2 * (product - mean_x * mean_y) + second)
    largest = (mean_x**2 + mean_y**2 + first) * (square_x - mean_x**2 + square_y - mean_y**2 + second)
    return (likeness / largest).mean(dim=(1, 2, 3))


def _blur(maps: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, H - 10, W - 10)."""
    offsets = torch.arange(WINDOW, dtype=maps.dtype, device=maps.device) - WINDOW // 2
    window = torch.exp(-(offsets**2) / (2 * 1.5**2))
    window = (window / window.sum()).expand(maps.shape[1], 1, 1, -1)
    return functional.conv2d(functional.conv2d(maps, window, groups=maps.shape[1]), window.mT, groups=maps.shape[1])
