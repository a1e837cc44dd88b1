"""The range of a float photo's samples: 0 to 1 as they should be, or another that is found and said."""

import numpy as np

_OVERSHOOT = 1.0  # how far values may leave [0, 1] (resampling overshoots, highlights) before they count as another range
_PEAKS = (255.0, 1023.0, 4095.0, 16383.0, 65535.0)
_LEAST_OF_INTEGERS = 16.0  # a largest value below this is rather light beyond white than a dark photo of 0 to 255
_SLACK = 1.02  # resampling overshoots of those ranges too


def to_unit_range(planes: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Finite samples in [0, 1], and notes: what leaves [0, 1] a little is clipped, what is of another range is divided by its peak."""
    notes = ("float samples are taken as they are, 0 black and 1 white, and count as 16 bit",)
    lowest, highest = float(planes.min()), float(planes.max())
    if lowest < -_OVERSHOOT or highest > 1 + _OVERSHOOT:
        if lowest < -(_SLACK - 1) * highest:
            planes = (planes - lowest) / (highest - lowest)
            return planes.clip(0, 1), (
                f"float values from {lowest:g} to {highest:g} were scaled, the least to black, the largest to white",
            )
        peaks = _PEAKS if highest >= _LEAST_OF_INTEGERS else ()
        peak = next((peak for peak in peaks if highest <= peak * _SLACK), highest)
        return (planes / peak).clip(0, 1), (f"float values from {lowest:g} to {highest:g} were taken as 0 black and {peak:g} white",)
    if lowest < 0 or highest > 1:
        notes += (f"float values from {lowest:g} to {highest:g} were clipped to 0 and 1",)
    return planes.clip(0, 1), notes
