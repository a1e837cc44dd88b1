"""How well a photo agrees with the scene it shows, by the noise and the compression that were found in it."""

import math

import numpy as np

from ttpo_cli.inspection.inspection import Inspection

# Agreement beyond this PSNR, dB, is about the rounding of 8-bit files (59 dB) and says nothing about the scene.
ROUNDING = 50.0
# IJG quality -> PSNR of the JPEG to its original, dB: from the mean squared error over 24 photographs, colours halved (4:2:0).
JPEG_AGREEMENT = {10: 25.1, 20: 27.2, 30: 28.5, 40: 29.4, 50: 30.1, 60: 30.9, 70: 31.9, 80: 33.5, 90: 36.1, 95: 38.4, 98: 40.1, 100: 40.8}


def expected_agreement(inspection: Inspection, shrink: float) -> float:
    """PSNR of the scene to the photo, shrunk to a share of its sides, that noise and JPEG compression leave, dB.

    Both average out as the photo shrinks, as white noise does.
    """
    noise = inspection.noise_sigma**2 + compression_error(inspection.lowest_quality)
    return ROUNDING if noise <= 0 else -10 * math.log10(noise * shrink**2)


def compression_error(quality: float | None) -> float:
    """Mean squared error of a JPEG of an IJG quality, samples in [0, 1]; 0 for a photo that is none."""
    if quality is None:
        return 0.0
    decibels = np.interp(quality, list(JPEG_AGREEMENT), list(JPEG_AGREEMENT.values()))
    return float(10 ** (-decibels / 10))
