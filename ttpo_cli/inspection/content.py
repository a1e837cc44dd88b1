"""What a photo shows in broad terms: the share of clipped tones, and whether it is a photo or a drawing."""

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter
from torch import Tensor

_CLIPPED = 0.5 / 255
_FLAT = 2.0  # range of grey levels of 3x3 pixels that counts as flat
_DRAWING = 0.6


def clipped_shares(pixels: Tensor) -> tuple[float, float]:
    """(1, 3, H, W) in [0, 1] -> the shares of pixels that are black, and white, in every channel."""
    return float((pixels.amax(dim=1) <= _CLIPPED).float().mean()), float((pixels.amin(dim=1) >= 1 - _CLIPPED).float().mean())


def is_drawing(lumas: list[np.ndarray]) -> bool:
    """Whether most places of Y planes in [0, 255] are flat and many of the others are strong edges."""
    spans = np.concatenate([(maximum_filter(plane, 3) - minimum_filter(plane, 3)).ravel() for plane in lumas])
    flat, strong = float((spans <= _FLAT).mean()), float((spans > 40).mean())
    return flat > _DRAWING and strong > 0.25 * (1 - flat)
