"""How much of their gradient a photo's strongest edges lose when they are blurred again (Zhuo & Sim, Pattern Recognition 44(9), 2011)."""

import numpy as np
from scipy.ndimage import gaussian_gradient_magnitude, maximum_filter

_STRONGEST = (0.9, 0.97)
_FLOOR = 1e-3
_CONSTANT = 1e-3  # gradients of places of one colour, rounding errors
_NOTHING = -6.0  # where an edge loses nothing


def gradient_losses(planes: list[np.ndarray], sigma: float, reblur: float) -> tuple[float, ...]:
    """log(R^2 - 1) for the strongest tenth of the gradient's crests, and for the strongest 3 %, R being the median ratio of gradients.

    The gradient is that of a Gaussian of `sigma` pixels, before and after blurring by `reblur`: an ideal edge behind a blur s has
    R^2 - 1 = reblur^2 / (s^2 + sigma^2).
    """
    before, after = [], []
    for plane in planes:
        first, second = (gaussian_gradient_magnitude(plane, spread) for spread in (sigma, float(np.hypot(sigma, reblur))))
        crest = (first >= maximum_filter(first, 3)) & (first > _CONSTANT)
        before.append(first[crest])
        after.append(second[crest])
    strength, rest = np.concatenate(before), np.concatenate(after)
    if not len(strength):
        return (_NOTHING,) * len(_STRONGEST)
    return tuple(_loss(strength, rest, share) for share in _STRONGEST)


def _loss(strength: np.ndarray, rest: np.ndarray, share: float) -> float:
    strong = (strength >= np.quantile(strength, share)) & (rest > 0)
    ratio = float(np.median(strength[strong] / rest[strong])) if strong.any() else 1.0
    value = ratio**2 - 1 + _FLOOR
    return float(np.log(value)) if value > 0 else _NOTHING
