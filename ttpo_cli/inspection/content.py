"""What a photo shows in broad terms: the share of clipped tones, and whether it is a photo or a drawing."""

import numpy as np
from scipy.ndimage import gaussian_gradient_magnitude, maximum_filter, minimum_filter
from torch import Tensor

_CLIPPED = 0.5 / 255
_CONSTANT = 0.75  # range of grey levels of 3x3 pixels up to which they are of one colour
_PLAIN = 0.05  # least share of such places in a drawing
_WEAK, _STRONG = (2.0, 10.0), 15.0  # gradients, grey levels a pixel
_CRISP = 0.5  # least ratio of strong to weak gradients in a drawing


def clipped_shares(pixels: Tensor) -> tuple[float, float]:
    """(1, 3, H, W) in [0, 1] -> the shares of pixels that are black, and white, in every channel."""
    return float((pixels.amax(dim=1) <= _CLIPPED).float().mean()), float((pixels.amin(dim=1) >= 1 - _CLIPPED).float().mean())


def is_drawing(lumas: list[np.ndarray]) -> bool:
    """Whether Y planes in [0, 255] have places of one colour, and strong edges where a photo has shades."""
    spans = np.concatenate([(maximum_filter(plane, 3) - minimum_filter(plane, 3)).ravel() for plane in lumas])
    slopes = np.concatenate([gaussian_gradient_magnitude(plane, 1.0).ravel() for plane in lumas])
    weak = float(((slopes > _WEAK[0]) & (slopes < _WEAK[1])).mean())
    strong = float((slopes > _STRONG).mean())
    return float((spans < _CONSTANT).mean()) >= _PLAIN and strong > _CRISP * weak
