"""CIE Lab as TIFF stores it, to sRGB (TIFF 6.0, section 23; IEC 61966-2-1; white by the Bradford transform from D50 to D65)."""

import numpy as np

_D50 = np.array([0.9642, 1.0, 0.8249])
# XYZ under D50 -> linear sRGB (D65), Bradford included.
_TO_LINEAR = np.array([[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]])


def lab_to_srgb(stored: np.ndarray, signed: bool) -> np.ndarray:
    """(H, W, 3) uint8 or uint16 -> (H, W, 3) in [0, 1], colours beyond sRGB clipped.

    signed: a and b are two's complement (CIE Lab), else offset by half the range (ICC Lab). L takes the whole range for 0 to 100.
    """
    bits = 8 * stored.itemsize
    lightness = stored[..., 0] * (100 / (2**bits - 1))
    chroma = stored[..., 1:].view(f"i{stored.itemsize}") if signed else stored[..., 1:].astype(np.int32) - 2 ** (bits - 1)
    a, b = np.moveaxis(chroma.astype(np.float64) / 2 ** (bits - 8), -1, 0)
    y = (lightness + 16) / 116
    cubes = np.stack([y + a / 500, y, y - b / 200], axis=-1)
    xyz = np.where(cubes > 6 / 29, cubes**3, 3 * (6 / 29) ** 2 * (cubes - 4 / 29)) * _D50
    linear = (xyz @ _TO_LINEAR.T).clip(0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
