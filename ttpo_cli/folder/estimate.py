"""What a folder will take, from the sizes of its photos and from photos that were timed: seconds, memory, disk, each with its doubt.

Seconds are fitted as a + b pixels of the result (restoring is linear in pixels), bytes of a file as bytes a pixel of its format, and memory
as a + b pixels, where pixels count no further than one region does, plus the whole images that are held besides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

# Of a photo done in regions, whole images held as float32 of three channels: restored, best, guided, result, and one that is blended.
_WHOLE_IMAGES = 5 * 3 * 4
# A guess from pieces of one photo: another photo's content, other sizes and the machine's other work move it by as much.
_DOUBT = (0.6, 2.0)
_LEAST_DOUBT = (0.85, 1.2)
_ENOUGH = 5


@dataclass(frozen=True)
class Sample:
    """One photo, or a piece of one, that was timed. pixels: of the result; memory: peak bytes by place; ending: of its file."""

    pixels: int
    seconds: float
    memory: Mapping[str, int]
    ending: str
    file_bytes: int


@dataclass(frozen=True)
class Estimate:
    """seconds, disk (bytes): low and high; memory: bytes by place, about; how: what it was made from, in words."""

    seconds: tuple[float, float]
    disk: tuple[float, float]
    memory: Mapping[str, float]
    how: str


def estimate(sizes: Sequence[tuple[int, str]], samples: Sequence[Sample], region: int, how: str) -> Estimate:
    """For photos of these (pixels of the result, ending of the file). region: the side above which a photo goes in pieces, 0 for never.

    samples: at least one. With five or more, the doubt is how far these lie from their own fit, else a wide guess.
    """
    base, slope = _line([(sample.pixels, sample.seconds) for sample in samples])
    seconds = sum(base + slope * pixels for pixels, _ in sizes)
    doubt = _spread([sample.seconds / max(base + slope * sample.pixels, 1e-9) for sample in samples])
    disk = sum(pixels * _bytes_a_pixel(samples, ending) for pixels, ending in sizes)
    disk_doubt = _spread([sample.file_bytes / (sample.pixels * _bytes_a_pixel(samples, sample.ending)) for sample in samples])
    largest = max((pixels for pixels, _ in sizes), default=0)
    memory = {place: _memory(samples, place, largest, region) for place in {place for sample in samples for place in sample.memory}}
    return Estimate(
        seconds=(seconds * doubt[0], seconds * doubt[1]), disk=(disk * disk_doubt[0], disk * disk_doubt[1]), memory=memory, how=how
    )


def _line(points: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """(a, b) of the least squares line a + b x, neither below 0; through the origin where all x are the same."""
    x, y = np.array(points, dtype=float).T
    if np.ptp(x) == 0:
        return 0.0, float(y.mean() / max(x.mean(), 1.0))
    slope, base = np.polyfit(x, y, 1)
    if slope < 0:
        return float(y.mean()), 0.0
    return (0.0, float((x @ y) / (x @ x))) if base < 0 else (float(base), float(slope))


def _spread(ratios: Sequence[float]) -> tuple[float, float]:
    """From which to which factor the truth may lie."""
    if len(ratios) < _ENOUGH:
        return _DOUBT
    low, high = np.quantile(ratios, (0.1, 0.9))
    return min(float(low), _LEAST_DOUBT[0]), max(float(high), _LEAST_DOUBT[1])


def _bytes_a_pixel(samples: Sequence[Sample], ending: str) -> float:
    """Of the samples with this ending, or of all where none has it."""
    alike = [sample for sample in samples if sample.ending == ending] or samples
    return sum(sample.file_bytes for sample in alike) / sum(sample.pixels for sample in alike)


def _memory(samples: Sequence[Sample], place: str, pixels: int, region: int) -> float:
    known = [sample for sample in samples if place in sample.memory]
    cap = region * region if region else pixels
    base, slope = _line([(min(sample.pixels, cap) if region else sample.pixels, sample.memory[place]) for sample in known])
    beyond = max(0, pixels - cap) * _WHOLE_IMAGES if place == "process" else 0
    return max(base + slope * min(pixels, cap) + beyond, max(sample.memory[place] for sample in known) if pixels else 0)
