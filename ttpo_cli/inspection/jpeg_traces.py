"""JPEG compression that a photo went through, from its pixels: the most likely quantisation (Fan & de Queiroz, IEEE TIP 12(2), 2003).

A block that was compressed has DCT coefficients near multiples k q of the steps; how near says the deviation s of what came after:
rounding, or another compression. Compared with coefficients of no lattice, the log-likelihood of a step is the sum of
log((1 - e) q N(r; s) + e), r being the distance to the nearest multiple and e the share of outliers. A coefficient that would have
become 0 speaks against a step or not at all. Every position of the grid is tried, since photos are cropped after they are compressed.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ttpo_cli.imaging.jpeg_tables import ZIGZAG, quality_table
from ttpo_cli.inspection.blocks import all_blocks, dct_basis, unclipped

_LARGEST, _BINS_PER_UNIT = 320, 2
_BINS = _LARGEST * _BINS_PER_UNIT
_DEVIATIONS = (0.35, 0.6, 1.0, 1.8)
_OUTLIERS = 0.05
_NEAREST_ZERO = 1.5  # smaller coefficients are left out
# Frequencies of T.81's order, but those whose basis is +-1/8: drawings of few grey levels have multiples there without any JPEG.
_USED = np.array([place for place in ZIGZAG[:33] if place // 8 % 4 or place % 8 % 4])
_QUALITIES = np.arange(1, 100)
_GRID_BLOCKS, _BLOCKS = 500, 8000
_LEAST_SHARE = 0.1


@dataclass(frozen=True)
class Traces:
    """quality: on the IJG's scale; offset: (row, column) of the grid's first whole block; gain: log-likelihood over no compression."""

    quality: float
    offset: tuple[int, int]
    gain: float

    @property
    def steps(self) -> np.ndarray:
        """(64) luminance steps of this quality."""
        return np.array(quality_table(int(self.quality)), dtype=np.float64)


def find_traces(lumas: list[np.ndarray], threshold: float = 60.0) -> Traces | None:
    """The coarsest compression that Y planes in [0, 255], each cut at multiples of 8 pixels, show; None where they show none."""
    offsets = [(row, column) for row in range(8) for column in range(8)]
    few = _gains(np.stack([_histogram(unclipped(all_blocks(lumas, offset, _GRID_BLOCKS))) for offset in offsets]))
    found = []
    for index in np.flatnonzero(few.max(axis=1) > 0):
        histogram = _histogram(unclipped(all_blocks(lumas, offsets[index], _BLOCKS)))
        gains = _gains(histogram[None])[0]
        best = int(gains.argmax())
        if gains[best] >= threshold and _both_ways(histogram, best):
            found.append(Traces(float(_QUALITIES[best]), offsets[index], float(gains[best])))
    return min(found, key=lambda traces: traces.quality, default=None)


def _histogram(blocks: np.ndarray) -> np.ndarray:
    """(frequencies x bins) counts of coefficients' magnitudes."""
    count = len(_USED)
    places = (np.abs(blocks @ dct_basis()[:, _USED]) * _BINS_PER_UNIT).astype(np.int64)
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


def _both_ways(histogram: np.ndarray, quality: int) -> bool:
    """Whether frequencies across and frequencies down both gain: a drawn shade has multiples in one direction."""
    columns = _log_likelihoods()[:, len(_DEVIATIONS) * quality : len(_DEVIATIONS) * (quality + 1)]
    each = (histogram[:, None] * columns).reshape(len(_USED), _BINS, -1).sum(axis=1)
    best = each[:, each.sum(axis=0).argmax()]
    return min(best[_USED // 8 > 0].sum(), best[_USED % 8 > 0].sum()) > _LEAST_SHARE * best.sum()
