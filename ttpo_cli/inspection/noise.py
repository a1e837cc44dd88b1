"""Noise of a photo: the smallest eigenvalues of its patches' covariance, or the fine coefficients of its smoothest blocks.

Patches of a photo lie near a space of few dimensions and noise adds its variance to all of them, so the variance is where the mean of the
smallest eigenvalues is their median (Chen, Zhu & Heng, ICCV 2015). Patches span all three channels, so noise must be independent in them.
Where it is not, stands the median magnitude (Donoho & Johnstone, Biometrika 81, 1994) of the fine coefficients of the places with the
least coarse detail (Ponomarenko et al., 2007; weak texture: Liu, Tanaka & Okutomi, IEEE TIP 22(12), 2013). Where a photo was compressed,
the variance is the one of greatest likelihood behind the quantised coefficients of such blocks.
"""

from dataclasses import dataclass

import numpy as np
import pywt
from scipy.optimize import minimize_scalar
from scipy.special import erf

from ttpo_cli.inspection.blocks import all_blocks, dct_basis
from ttpo_cli.inspection.jpeg_traces import Traces
from ttpo_cli.inspection.sampling import LUMA

_NORMAL_MAD = 0.6745  # the median magnitude of a standard normal variable
_PATCH, _PATCHES = 8, 30000
_SMOOTHEST = 0.02  # share of the places that the median is taken of
_FEWEST, _FEWEST_FOR_EIGENVALUES = 40, 2000
_INDEPENDENT = 0.3  # correlation of channels up to which noise counts as independent
_WHITE = 0.85  # share of the fine coefficients' deviation that the finest must have for the former to be noise, not texture
_BAND_SUM = np.add.outer(np.arange(8), np.arange(8)).ravel()
_COARSE, _FINE, _FINEST = (_BAND_SUM > 0) & (_BAND_SUM <= 4), _BAND_SUM >= 8, _BAND_SUM >= 11
_COARSEST = (_BAND_SUM > 0) & (_BAND_SUM <= 2)
_BANDS = (8, 6, 4, 3)  # the finest of these beginnings whose coefficients were not nearly all quantised to 0 counts
_SEEN = 0.03
_TONES = 20.0, 235.0  # mean levels of blocks whose noise is not cut off at black or white
_LARGEST = 80.0


def noise_sigma(crops: list[np.ndarray], traces: Traces | None = None) -> float:
    """The deviation of white noise in a channel, in [0, 1], of arrays (3, h, w) in [0, 1]; 0 where nothing can be said.

    traces: the JPEG compression that they went through. Then it is the noise before the compression, taken as independent in the channels,
    as far as it can still be seen.
    """
    usable = [255 * crop for crop in crops if min(crop.shape[1:]) >= 2 * _PATCH]
    if not usable:
        return _small_photo_sigma(crops)
    grey = all(np.array_equal(crop[0], crop[1]) and np.array_equal(crop[0], crop[2]) for crop in usable)
    if traces is not None:
        planes = [np.tensordot(LUMA, crop, axes=1) for crop in usable]
        return _quantised_sigma(planes, traces.steps, traces.offset) / (255 if grey else 255 * float(np.linalg.norm(LUMA)))
    patches = np.concatenate([_patches(crop, _stride(usable)) for crop in usable])
    patches = _mostly_unclipped(patches)
    if len(patches) < _FEWEST:
        return 0.0
    places = _smooth_places(patches)
    if grey or (places.correlation > _INDEPENDENT and places.finest > _WHITE * places.fine):
        return min(places.fine, places.finest) / 255
    if len(patches) < _FEWEST_FOR_EIGENVALUES:
        return places.fine / 255
    smallest = _eigenvalue_sigma(patches)
    # Eigenvalues are right unless patches are few or clipped, when they are low; the places' median is high where nothing is smooth.
    return (smallest if smallest > 0.8 * places.fine or places.fine < 6 else places.fine) / 255


def _small_photo_sigma(crops: list[np.ndarray]) -> float:
    """From the finest diagonal wavelet band of photos too small for patches."""
    bands = [pywt.dwt2(crop, "haar", mode="periodization", axes=(1, 2))[1][2] for crop in crops if min(crop.shape[1:]) >= 4]
    return float(np.median(np.abs(np.concatenate([band.ravel() for band in bands]))) / _NORMAL_MAD) if bands else 0.0


def _stride(crops: list[np.ndarray]) -> int:
    pixels = sum(crop.shape[1] * crop.shape[2] for crop in crops)
    return max(1, int(np.ceil(np.sqrt(pixels / _PATCHES))))


def _patches(crop: np.ndarray, stride: int) -> np.ndarray:
    """(N, 3, 64) float32 patches of a crop, `stride` pixels apart."""
    windows = np.lib.stride_tricks.sliding_window_view(crop, (_PATCH, _PATCH), axis=(1, 2))[:, ::stride, ::stride]
    return windows.transpose(1, 2, 0, 3, 4).reshape(-1, 3, _PATCH * _PATCH).astype(np.float32)


def _mostly_unclipped(patches: np.ndarray) -> np.ndarray:
    """The patches with hardly a value at black or white, where noise is cut off."""
    clipped = ((patches < 0.5) | (patches > 254.5)).mean(axis=(1, 2))
    return patches[clipped <= 0.01]


@dataclass(frozen=True)
class _Places:
    """Of the smoothest patches: noise (of 255) in fine and in the finest coefficients, equal if it is white; channels' correlation."""

    fine: float
    finest: float
    correlation: float


def _smooth_places(patches: np.ndarray) -> _Places:
    coefficients = patches @ dct_basis()
    energy = (coefficients[:, :, _COARSE] ** 2).sum(axis=(1, 2))
    smooth = coefficients[np.argsort(energy)[: max(_FEWEST, int(_SMOOTHEST * len(patches)))]]
    correlation = np.corrcoef(smooth[:, :, _FINEST].transpose(1, 0, 2).reshape(3, -1) + 1e-9 * np.arange(3)[:, None])
    mean = float(np.nan_to_num(correlation)[np.triu_indices(3, 1)].mean())
    return _Places(_channel_sigma(smooth[:, :, _FINE]), _channel_sigma(smooth[:, :, _FINEST]), mean)


def _channel_sigma(coefficients: np.ndarray) -> float:
    """(N, 3, frequencies) -> root mean square of the channels' deviations, each from the median magnitude."""
    return float(np.sqrt(np.mean((np.median(np.abs(coefficients), axis=(0, 2)) / _NORMAL_MAD) ** 2)))


def _eigenvalue_sigma(patches: np.ndarray) -> float:
    """Chen, Zhu & Heng's estimate, out of 255."""
    flat = patches.reshape(len(patches), -1)
    centred = flat - flat.mean(axis=0)
    values = np.linalg.eigvalsh((centred.T @ centred).astype(np.float64) / len(flat))[::-1]
    means = np.cumsum(values[::-1])[::-1] / np.arange(len(values), 0, -1)
    for first, mean in enumerate(means):
        rest = values[first:]
        if (rest > mean).sum() >= (rest < mean).sum():
            return float(np.sqrt(max(mean, 0.0)))
    return float(np.sqrt(max(values[-1], 0.0)))


def _quantised_sigma(planes: list[np.ndarray], steps: np.ndarray, offset: tuple[int, int]) -> float:
    """The deviation, out of 255, of normal noise of greatest likelihood behind the quantised coefficients of the smoothest blocks."""
    blocks = all_blocks(planes, offset)
    level = blocks.mean(axis=1)
    blocks = blocks[(level > _TONES[0]) & (level < _TONES[1])]
    if len(blocks) < _FEWEST:
        return 0.0
    coefficients = blocks @ dct_basis()
    energy = (coefficients[:, _COARSEST] ** 2).sum(axis=1)
    counts = np.abs(np.round(coefficients[np.argsort(energy)[: max(_FEWEST, len(blocks) // 30)]] / steps))
    rest = next(
        (band for band in (first <= _BAND_SUM for first in _BANDS) if (counts[:, band] > 0).mean() > _SEEN), _BANDS[-1] <= _BAND_SUM
    )
    edges = np.array([0.5, 1.5, 2.5, 3.5])
    seen = np.stack([(counts == count).sum(axis=0) for count in range(4)] + [(counts > 3).sum(axis=0)])[:, rest]
    step = steps[rest]

    def surprise(log_sigma: float) -> float:
        inside = erf(edges[:, None] * step / (np.exp(log_sigma) * np.sqrt(2)))
        shares = np.diff(np.vstack([np.zeros(len(step)), inside, np.ones(len(step))]), axis=0)
        return -float((seen * np.log(np.maximum(shares, 1e-6))).sum())

    best = minimize_scalar(surprise, bounds=(np.log(0.05), np.log(_LARGEST)), method="bounded")
    return float(np.exp(best.x))
