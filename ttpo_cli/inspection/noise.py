"""Noise of a photo from its smoothest places: the finest diagonal wavelet band there (Donoho & Johnstone, Biometrika 81, 1994; weak-texture
selection: Liu, Tanaka & Okutomi, IEEE TIP 22(12), 2013)."""

import numpy as np
import pywt
from scipy.ndimage import uniform_filter

_NORMAL_MAD = 0.6745  # the median magnitude of a standard normal variable
_WINDOW = 7
_SMOOTHEST = 0.15  # share of the places that are used
_BLACK, _WHITE = 2 / 255, 253 / 255


def noise_sigma(crops: list[np.ndarray]) -> float:
    """Deviation of white noise per channel, in [0, 1], of arrays (3, h, w) in [0, 1]; 0 where no place is large enough to say."""
    bands, texture = [], []
    for crop in crops:
        if min(crop.shape[1:]) < 16:
            continue
        for channel in crop:
            _, (_, _, diagonal) = pywt.dwt2(channel, "db2", mode="periodization")
            low, (across, down, _) = pywt.dwt2(uniform_filter(channel, 2), "haar", mode="periodization")
            energy = uniform_filter(across**2 + down**2, _WINDOW)
            level = uniform_filter(low / 2, _WINDOW)
            energy[(level < _BLACK) | (level > _WHITE)] = np.inf
            bands.append(diagonal[2:-2, 2:-2].ravel())
            texture.append(energy[2:-2, 2:-2].ravel())
    if not bands:
        return 0.0
    values, energies = np.concatenate(bands), np.concatenate(texture)
    usable = np.isfinite(energies)
    if not usable.any():
        return 0.0
    limit = np.quantile(energies[usable], _SMOOTHEST)
    return float(np.median(np.abs(values[energies <= limit])) / _NORMAL_MAD)
