"""Luma of BT.601 as MATLAB's rgb2ycbcr gives it: the Y that super-resolution papers measure on (ITU-R BT.601-7)."""

from torch import Tensor

# Studio swing: 65.481 R + 128.553 G + 24.966 B + 16, all over 255.
_RED, _GREEN, _BLUE, _OFFSET = 65.481 / 255, 128.553 / 255, 24.966 / 255, 16 / 255


def luma(image: Tensor) -> Tensor:
    """(N, 3, H, W) RGB in [0, 1] -> (N, 1, H, W) Y in [16/255, 235/255]."""
    red, green, blue = image.split(1, dim=1)
    return _RED * red + _GREEN * green + _BLUE * blue + _OFFSET
