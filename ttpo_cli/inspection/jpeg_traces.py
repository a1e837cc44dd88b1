"""JPEG compression that a photo went through, from its pixels: the quantisation steps of greatest likelihood (Fan & de Queiroz, IEEE TIP 12(2), 2003).

A block that was compressed has DCT coefficients near multiples k q of the steps; how near says the deviation s of what came after: rounding, or
another compression. Compared with coefficients of no lattice, the log-likelihood of a step is the sum of log((1 - e) q N(r; s) + e), r being the
distance to the nearest multiple and e the share of outliers. A coefficient that would have become 0 speaks against a step or not at all.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.fft import dct

from ttpo_cli.imaging.jpeg_tables import ZIGZAG, quality_table

_LARGEST, _BINS_PER_UNIT = 320, 2
_BINS = _LARGEST * _BINS_PER_UNIT
_DEVIATIONS = (0.35, 0.6, 1.0, 1.8)
_OUTLIERS = 0.05
_NEAREST_ZERO = 1.5  # smaller coefficients are left out
# Frequencies of T.81's order, but those whose basis is +-1/8: drawings of few grey levels have multiples there without any JPEG.
_USED = np.array([place for place in ZIGZAG[:33] if place // 8 % 4 or place % 8 % 4])
_QUALITIES = np.arange(1, 100)
_GRID_BLOCKS, _BLOCKS = 500, 8000


@dataclass(frozen=True)
class Traces:
    """quality: on the IJG's scale; offset: (row, column) of the grid's first whole block; gain: log-likelihood over no compression."""

    quality: float
    offset: tuple[int, int]
    gain: float


def find_traces(lumas: list[np.ndarray], threshold: float = 60.0) -> Traces | None:
    """The coarsest compression that Y planes in [0, 255], each cut at multiples of 8 pixels, show; None where they show none."""
    offsets = [(row, column) for row in range(8) for column in range(8)]
    few = np.stack([_histogram(_blocks(lumas, offset, _GRID_BLOCKS)) for offset in offsets])
    best = offsets[int(_gains(few).max(axis=1).argmax())]
    gains = _gains(_histogram(_blocks(lumas, best, _BLOCKS))[None])[0]
    gain = float(gains.max())
    return Traces(float(_QUALITIES[gains.argmax()]), best, gain) if gain >= threshold else None


def _blocks(lumas: list[np.ndarray], offset: tuple[int, int], most: int) -> np.ndarray:
    """(N, 64) whole blocks of the grid at this offset, evenly chosen, those that touch black or white left out."""
    found = []
    for plane in lumas:
        part = plane[offset[0] :, offset[1] :]
        rows, columns = part.shape[0] // 8, part.shape[1] // 8
        blocks = part[: 8 * rows, : 8 * columns].reshape(rows, 8, columns, 8).swapaxes(1, 2).reshape(-1, 64)
        found.append(blocks[:: max(1, len(blocks) * len(lumas) // most)])
    chosen = np.concatenate(found)
    inside = (chosen.min(axis=1) > 1) & (chosen.max(axis=1) < 254)
    return chosen[inside] if inside.sum() >= min(len(chosen), 20) else chosen


@lru_cache(maxsize=1)
def _basis() -> np.ndarray:
    """(64, frequencies): the orthonormal 8x8 DCT as a matrix."""
    one = dct(np.eye(8), axis=0, norm="ortho")
    return np.ascontiguousarray(np.kron(one, one)[_USED].T.astype(np.float32))


def _histogram(blocks: np.ndarray) -> np.ndarray:
    """(frequencies x bins) counts of coefficients' magnitudes."""
    count = len(_USED)
    places = (np.abs(blocks.astype(np.float32) @ _basis()) * _BINS_PER_UNIT).astype(np.int64)
    kept = (places >= _NEAREST_ZERO * _BINS_PER_UNIT) & (places < _BINS)
    return np.bincount((places + _BINS * np.arange(count))[kept], minlength=count * _BINS).astype(np.float32)


@lru_cache(maxsize=1)
def _log_likelihoods() -> np.ndarray:
    """(frequencies x bins, qualities x deviations): what one coefficient of a bin adds."""
    steps = np.arange(1, 256)
    centres = (np.arange(_BINS) + 0.5) / _BINS_PER_UNIT
    multiples = np.round(centres[:, None] / steps)
    rest = centres[:, None] - steps * multiples
    tables = np.array([quality_table(int(quality)) for quality in _QUALITIES])[:, _USED]
    columns = []
    for deviation in _DEVIATIONS:
        normal = np.exp(-0.5 * (rest / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi))
        one = np.log((1 - _OUTLIERS) * steps * normal + _OUTLIERS)
        one[multiples == 0] = np.minimum(one[multiples == 0], 0)
        columns.append(one.astype(np.float32).T[tables - 1])  # (qualities, frequencies, bins)
    return np.stack(columns, axis=1).reshape(len(_QUALITIES) * len(_DEVIATIONS), -1).T


def _gains(histograms: np.ndarray) -> np.ndarray:
    """(N, qualities): the log-likelihood of each quality at its best deviation."""
    return (histograms @ _log_likelihoods()).reshape(len(histograms), len(_QUALITIES), -1).max(axis=2)
