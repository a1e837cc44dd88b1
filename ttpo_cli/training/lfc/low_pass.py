"""The low frequencies that bind LFC-SR's two stages: Haar's LL, or the Gaussian of the ablation (Zhang et al., ECCV 2022, section 3.3)."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from ttpo_cli.imaging.wavelets import low_band

LowPass = Callable[[Tensor], Tensor]
GAUSSIAN = 21  # the ablation's width, pixels


def downscaled(image: Tensor, scale: int) -> Tensor:
    """What an input of 1 / scale could show (Eq. 6's arrow): scale times the mean of each scale x scale block.

    For scales 2 and 4 this is LL of an orthonormal one- and two-level Haar transform. (N, C, H, W) -> (N, C, H/scale, W/scale).
    """
    return scale * functional.avg_pool2d(image, scale)


def gaussian_low_pass(image: Tensor, size: int = GAUSSIAN, sigma: float = 3.0) -> Tensor:
    """A Gaussian of size x size, edges reflected, gain 1: (N, C, H, W) -> same. The image must be larger than size // 2."""
    offsets = torch.arange(size, dtype=image.dtype, device=image.device) - size // 2
    weights = torch.exp(-(offsets**2) / (2 * sigma**2))
    weights = (weights / weights.sum()).expand(image.shape[1], 1, 1, -1)
    padded = functional.pad(image, (size // 2,) * 4, mode="reflect")
    return functional.conv2d(functional.conv2d(padded, weights, groups=image.shape[1]), weights.mT, groups=image.shape[1])


# LF of the constraint, each commuting with the flips and transposes of an even-sided crop.
LOW_PASSES: dict[str, LowPass] = {"haar": low_band, "gaussian": gaussian_low_pass}
