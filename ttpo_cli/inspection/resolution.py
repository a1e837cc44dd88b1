"""Effective resolution of a photo: how sharp its sharpest edges are, by blurring them again (Zhuo & Sim, Pattern Recognition 44(9), 2011).

An edge of deviation s loses the factor R = sqrt((s^2 + r^2) / s^2) of its gradient when it is blurred by r, so s = r / sqrt(R^2 - 1). The limiting
resolution is where the contrast of a Gaussian of deviation s falls to a tenth (as ISO 12233 has it): 0.342 / s cycles per pixel, of 0.5.
"""

import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter

_LIMIT = 0.683  # 0.342 / 0.5
_REBLUR = 1.0
_SHARPEST = 0.5  # quantile of the edges' deviations that counts
_FEWEST = 30


def effective_resolution(lumas: list[np.ndarray], noise: float = 0.0) -> float:
    """The share of a photo's sides that carries detail, in (0, 1], from Y planes in [0, 255] and the noise of them (out of 255).

    0.5: it could be shrunk to half its width and height without loss. 1 where there are too few edges to say.
    """
    smooth = 0.5 if noise < 2 else 1.0 if noise < 8 else 1.5
    widths = np.concatenate([_edge_widths(plane, smooth, noise) for plane in lumas] or [np.empty(0)])
    if len(widths) < _FEWEST:
        return 1.0
    squared = np.quantile(widths, _SHARPEST) ** 2 - smooth**2
    return float(np.clip(_LIMIT / np.sqrt(max(squared, 0.25)), 0, 1))


def _edge_widths(plane: np.ndarray, smooth: float, noise: float) -> np.ndarray:
    """Deviations in pixels of the edges of a plane that was smoothed by `smooth`."""
    if min(plane.shape) < 16:
        return np.empty(0)
    first = _gradient(plane, smooth)
    second = _gradient(plane, float(np.hypot(smooth, _REBLUR)))
    crests = (first == maximum_filter(first, 3)) & (first > max(6.0, 1.5 * noise))
    ratio = first[crests] / np.maximum(second[crests], 1e-6)
    return _REBLUR / np.sqrt(np.maximum(ratio**2 - 1, 1e-3))


def _gradient(plane: np.ndarray, sigma: float) -> np.ndarray:
    return np.hypot(gaussian_filter(plane, sigma, order=(0, 1)), gaussian_filter(plane, sigma, order=(1, 0)))
