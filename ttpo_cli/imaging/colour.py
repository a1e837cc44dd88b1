"""Luma of BT.601 as MATLAB's rgb2ycbcr gives it, which super-resolution papers measure on (ITU-R BT.601-7); pictures without colour."""

from torch import Tensor

# Studio swing: 65.481 R + 128.553 G + 24.966 B + 16, all over 255.
_RED, _GREEN, _BLUE, _OFFSET = 65.481 / 255, 128.553 / 255, 24.966 / 255, 16 / 255


def luma(image: Tensor) -> Tensor:
    """(N, 3, H, W) RGB in [0, 1] -> (N, 1, H, W) Y in [16/255, 235/255]."""
    red, green, blue = image.split(1, dim=1)
    return _RED * red + _GREEN * green + _BLUE * blue + _OFFSET


def is_grey(image: Tensor) -> bool:
    """Whether (N, 3, H, W) in [0, 1] has no colour: at no pixel do two channels differ by more than an 8-bit level and its rounding."""
    return bool((image.amax(dim=1) - image.amin(dim=1) <= 1.5 / 255).all())


def without_colour(image: Tensor) -> Tensor:
    """(N, 3, H, W) with the mean of its three channels in each."""
    return image.mean(dim=1, keepdim=True).expand_as(image).contiguous()
