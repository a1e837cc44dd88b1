"""What a photo shows in broad terms: the share of clipped tones, and whether it is a photo or a drawing."""

import numpy as np
from scipy.ndimage import gaussian_gradient_magnitude, maximum_filter, minimum_filter
from torch import Tensor

_CLIPPED = 0.5 / 255
_CONSTANT = 0.75  # range of grey levels of 3x3 pixels up to which they are of one colour
_PLAIN = 0.05  # least share of such places in a drawing
_WEAK, _STRONG = (2.0, 10.0), 15.0  # gradients, grey levels a pixel
_TONES = 2.0, 253.0  # beyond them a photo may be of one colour, where it is clipped
_LINE_ART = 0.5  # unless most of it is
_CRISP = 0.5  # least ratio of strong to weak gradients in a drawing


def clipped_shares(pixels: Tensor) -> tuple[float, float]:
    """(1, 3, H, W) in [0, 1] -> the shares of pixels that are black, and white, in every channel."""
    return float((pixels.amax(dim=1) <= _CLIPPED).float().mean()), float((pixels.amin(dim=1) >= 1 - _CLIPPED).float().mean())


def is_drawing(lumas: list[np.ndarray]) -> bool:
    """Whether Y planes in [0, 255] have places of one colour that is not clipped, and strong edges where a photo has shades."""
    low, high = (np.concatenate([filtered(plane, 3).ravel() for plane in lumas]) for filtered in (minimum_filter, maximum_filter))
    slopes = np.concatenate([gaussian_gradient_magnitude(plane, 1.0).ravel() for plane in lumas])
    weak = float(((slopes > _WEAK[0]) & (slopes < _WEAK[1])).mean())
    crisp = float((slopes > _STRONG).mean()) > _CRISP * weak
    plain, clipped = high - low < _CONSTANT, (high < _TONES[0]) | (low > _TONES[1])
    return crisp and (float((plain & ~clipped).mean()) >= _PLAIN or float((plain & clipped).mean()) >= _LINE_ART)
