"""The low frequencies that bind LFC-SR's two stages: Haar's LL, or the Gaussian of the ablation (Zhang et al., ECCV 2022, section 3.3)."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

from ttpo_cli.imaging.filters import gaussian_blur
from ttpo_cli.imaging.wavelets import low_band

LowPass = Callable[[Tensor], Tensor]
GAUSSIAN = 21  # the ablation's width, pixels


def downscaled(image: Tensor, scale: int) -> Tensor:
    """What an input of 1 / scale could show (Eq. 6's arrow): scale times the mean of each scale x scale block.

    For scales 2 and 4 this is LL of an orthonormal one- and two-level Haar transform. (N, C, H, W) -> (N, C, H/scale, W/scale).
    """
    return scale * functional.avg_pool2d(image, scale)


def ablation_low_pass(image: Tensor) -> Tensor:
    """The ablation's Gaussian of 21 x 21 pixels and deviation 3, (N, C, H, W) -> same. The image must be larger than half of that."""
    return gaussian_blur(image, 3.0, reach=GAUSSIAN // 2)


# LF of the constraint, each commuting with the flips and transposes of an even-sided crop.
LOW_PASSES: dict[str, LowPass] = {"haar": low_band, "gaussian": ablation_low_pass}
