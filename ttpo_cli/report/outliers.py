"""Which photos of a folder stand out from the others: robust z-scores of what was measured of each (Iglewicz and Hoaglin 1993)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

# Deviations that a normal distribution has between its median and its quartile, and on average: they make both robust scales a sigma.
_FROM_MEDIAN, _FROM_MEAN = 1.4826, 1.2533
FEWEST = 5


@dataclass(frozen=True)
class Outlier:
    """distance: how many robust deviations the photo is from the median where it stands out most, 0 where it does not; why: in words."""

    distance: float = 0.0
    why: str = ""


def outliers(photos: Sequence[Mapping[str, float | None]]) -> list[Outlier]:
    """One for each photo, from its values by name; a value that is missing says nothing. Fewer than five values have no outlier."""
    found = [Outlier() for _ in photos]
    for name in dict.fromkeys(name for values in photos for name in values):
        known = {index: value for index, values in enumerate(photos) if (value := values.get(name)) is not None}
        if len(known) < FEWEST:
            continue
        middle = median(known.values())
        scale = _scale([abs(value - middle) for value in known.values()])
        for index, value in known.items():
            distance = abs(value - middle) / scale if scale else 0.0
            if distance > found[index].distance:
                found[index] = Outlier(distance, f"{name} {value:.4g}, the middle of the folder {middle:.4g}")
    return found


def _scale(deviations: Sequence[float]) -> float:
    """The median deviation, or the mean one where more than half of the values are the same."""
    return _FROM_MEDIAN * median(deviations) or _FROM_MEAN * fmean(deviations)
