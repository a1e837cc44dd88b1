"""Effective resolution of a photo, from how its power spectrum falls and how wide its edges are.

Photos have spectra A f^-a with a near 2 (Field, JOSA A 4(12), 1987). A lens, a motion or an enlargement multiplies that by a falling
transfer function, here a Gaussian's, and noise adds a floor: S(f) = A f^-a exp(-4 pi^2 s^2 f^2) + N. Contrast is halved at f = 0.187 / s
cycles per pixel (MTF50 of ISO 12233); in a photo that was enlarged by cubic interpolation, at 0.38 cycles per pixel of the photo before.
So s pixels of blur are an enlargement by s / 0.49, and the effective resolution is 0.49 / s.

Compression takes away the faint parts of the spectrum. Then variances of DCT coefficients are fitted too, each by the greatest likelihood
of a Laplacian behind the quantised values. Where it is strong or hides noise, a linear calibration on photos joins both with the widths of
the strongest edges, which survive it: an edge blurred again loses more of its gradient if it was sharp (Zhuo & Sim, Pattern Recognition
44(9), 2011).
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.optimize import least_squares

from ttpo_cli.inspection.blocks import GRID, all_blocks, dct_basis
from ttpo_cli.inspection.edges import gradient_losses
from ttpo_cli.inspection.jpeg_traces import Traces

_SIDE = 64
_RINGS = np.linspace(0.03, 0.5, 25)
_CENTRES = (_RINGS[1:] + _RINGS[:-1]) / 2
_SLOPE, _SLOPE_WEIGHT = 2.2, 0.15  # of natural photos, and how much a photo is held to it
_SLOPE_WEIGHT_COMPRESSED = 0.5
_ENLARGED = 0.49  # deviation of the Gaussian, in pixels of the photo before, that blurs as much as cubic interpolation
_LIGHT_QUALITY, _LIGHT_NOISE = 60, 3 / 255  # compression up to which the spectra alone are right
_LEAST = 0.08
# By ridge regression on 21 photos, blurred or enlarged, with noise of up to 15 and qualities from 10 to 92: 1, the two fits, whether the
# second failed, edges at three scales, the strength of the compression.
_CALIBRATION = (-0.361, -0.007, 0.147, 0.487, -0.053, -0.464, 0.023, -0.33, -0.02, -0.067, -0.012)
_SMALLEST_VARIANCE = 0.05
_PLAIN = 0.5  # share of a compressed photo's blocks, the plainest, that do not count
_CORNER = 0.72  # the highest radial frequency, cycles per pixel
_FINE = 256  # samples of a frequency axis


def effective_resolution(lumas: list[np.ndarray], traces: Traces | None = None, noise: float = 0.0) -> float:
    """The share of each side of a photo that carries detail, in (0, 1], from Y planes in [0, 255].

    traces: the JPEG compression that the planes went through; noise: deviation in a channel, in [0, 1]. 0.5: it could be shrunk to half its
    width and height with little loss. 1 where it is too small or too plain to say.
    """
    blur = _fit_spectrum(lumas)
    if blur is None:
        return 1.0
    if traces is not None:
        compressed = _fit_blocks(lumas, traces.steps, traces.offset)
        light = traces.quality >= _LIGHT_QUALITY and noise < _LIGHT_NOISE
        if light:
            blur = blur if compressed is None else float(np.sqrt(blur * compressed))
        else:
            blur = _calibrated(lumas, blur, compressed, traces.quality)
    return float(np.clip(_ENLARGED / blur, _LEAST, 1))


def _calibrated(lumas: list[np.ndarray], spectrum: float, blocks: float | None, quality: float) -> float:
    """The blur of a strongly compressed photo: a linear calibration of logarithms."""
    strength = (5000 / quality if quality < 50 else 200 - 2 * quality) / 100
    fits = [np.log(np.clip(spectrum, 0.1, 6)), np.log(np.clip(blocks or 1.0, 0.1, 6)), float(blocks is None)]
    edges = [loss for sigma, reblur in ((1.0, 1.0), (1.5, 1.5), (2.5, 2.0)) for loss in gradient_losses(lumas, sigma, reblur)]
    return float(np.exp(np.dot(_CALIBRATION, [1.0, *fits, *edges, np.log(strength)])))


def _fit_spectrum(lumas: list[np.ndarray]) -> float | None:
    """The blur from windowed patches: those of above-median contrast count."""
    side = min(_SIDE, *(min(plane.shape) for plane in lumas))
    if side < 16:
        return None
    window = np.outer(np.hanning(side), np.hanning(side))
    patches = np.concatenate([_patches(plane, side) for plane in lumas]).astype(np.float64)
    patches -= patches.mean(axis=(1, 2), keepdims=True)
    power = np.abs(np.fft.fft2(patches * window)) ** 2 / (window**2).sum()
    frequency = np.fft.fftfreq(side)
    ring = np.digitize(np.hypot(frequency[:, None], frequency), _RINGS) - 1
    filled = [index for index in range(len(_CENTRES)) if (ring == index).any()]
    spectra = np.stack([power[:, ring == index].mean(axis=1) for index in filled], axis=1)
    contrast = spectra[:, : max(2, len(filled) // 3)].sum(axis=1)
    spectrum = spectra[contrast >= np.median(contrast)].mean(axis=0)
    if spectrum[: len(filled) // 3].mean() < 1:
        return None
    centres = _CENTRES[filled]
    return _blur(lambda parameters: _log_spectrum(centres, parameters), np.log(spectrum + 1e-9), np.ones(len(filled)), _SLOPE_WEIGHT)


def _patches(plane: np.ndarray, side: int) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(plane, (side, side))[:: side // 2, :: side // 2].reshape(-1, side, side)


def _log_spectrum(frequencies: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """log S; parameters: log A at 0.1 cycles per pixel, a, log s, log N."""
    amplitude, slope, blur, floor = parameters
    falling = (2 * np.pi * frequencies * np.exp(blur)) ** 2
    return np.logaddexp(amplitude - slope * np.log(frequencies / 0.1) - falling, floor)


def _blur(model: Callable[[np.ndarray], np.ndarray], observed: np.ndarray, weights: np.ndarray, slope_weight: float) -> float:
    """The blur s, in pixels, of the parameters that fit observed logarithms best, from several starts."""

    def errors(parameters: np.ndarray) -> np.ndarray:
        return np.append(weights * (model(parameters) - observed), slope_weight * (parameters[1] - _SLOPE))

    low, high = [-20, 1.2, np.log(0.05), -8], [30, 3.2, np.log(10.0), 14]
    fits = []
    for start in (0.4, 1.2, 3.0):
        first = np.clip([observed[3], _SLOPE, np.log(start), observed[-1] - 0.5], np.add(low, 1e-3), np.subtract(high, 1e-3))
        fits.append(least_squares(errors, first, bounds=(low, high)))
    return float(np.exp(min(fits, key=lambda fit: fit.cost).x[2]))


def _fit_blocks(lumas: list[np.ndarray], steps: np.ndarray, offset: tuple[int, int]) -> float | None:
    """The blur from the variances of a compressed photo's DCT coefficients."""
    blocks = all_blocks(lumas, offset)
    if len(blocks) < 16:
        return None
    coefficients = blocks @ dct_basis()
    low = (coefficients[:, [1, 8, 9, 2, 16]] ** 2).sum(axis=1)
    counts = np.abs(np.round(coefficients[low >= np.quantile(low, _PLAIN)] / steps))
    seen, mean_count = (counts > 0).sum(axis=0), counts.mean(axis=0)
    places = np.array([place for place in range(1, 64) if seen[place] >= 4])
    if len(places) < 6:
        return None
    scale = _laplacian_scale(mean_count[places]) * steps[places]
    variances = np.log(2 * scale**2 + _SMALLEST_VARIANCE)
    response, frequencies = _response()[places], (np.arange(_FINE) + 0.5) / _FINE * _CORNER
    weights = np.sqrt(24 / len(places) * np.minimum(1, seen[places] / 50))
    return _blur(
        lambda parameters: np.log(response @ np.exp(_log_spectrum(frequencies, parameters)) + _SMALLEST_VARIANCE),
        variances,
        weights,
        _SLOPE_WEIGHT_COMPRESSED,
    )


def _laplacian_scale(mean_count: np.ndarray) -> np.ndarray:
    """The scale b, in steps, of a Laplacian whose rounded values have this mean magnitude m: exp(-1 / 2b) / (1 - exp(-1 / b)) = m."""
    # With u = exp(-1 / 2b): u / (1 - u^2) = m.
    root = (np.sqrt(1 + 4 * mean_count**2) - 1) / (2 * mean_count)
    return -0.5 / np.log(root)


@lru_cache(maxsize=1)
def _response() -> np.ndarray:
    """(64, radial samples): how much of a spectrum at each radial frequency reaches each coefficient of a block, leakage included."""
    padded = np.zeros((64, 128, 128))
    padded[:, :GRID, :GRID] = dct_basis().T.reshape(64, GRID, GRID)
    power = np.abs(np.fft.fft2(padded)) ** 2 / 128**2
    frequency = np.fft.fftfreq(128)
    radial = np.hypot(frequency[:, None], frequency)
    ring = np.minimum((radial / _CORNER * _FINE).astype(int), _FINE - 1).ravel()
    return np.stack([np.bincount(ring, weights=row.ravel(), minlength=_FINE) for row in power])
