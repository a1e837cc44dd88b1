"""CIE Lab as TIFF stores it, to sRGB (TIFF 6.0, section 23; IEC 61966-2-1; white by the Bradford transform from D50 to D65)."""

import numpy as np

_D50 = np.array([0.9642, 1.0, 0.8249])
# XYZ under D50 -> linear sRGB (D65), Bradford included.
_TO_LINEAR = np.array([[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]])


def lab_of(stored: np.ndarray, signed: bool) -> np.ndarray:
    """(H, W, 3) of uint8, uint16 or float32 as stored -> L from 0 to 100, a and b from -128 to 128.

    signed: integers a and b are two's complement (CIE Lab), else offset by half the range (ICC Lab). L takes the whole range.
    """
    if stored.dtype.kind == "f":
        return stored.astype(np.float64)
    bits = 8 * stored.itemsize
    chroma = stored[..., 1:].copy().view(f"i{stored.itemsize}") if signed else stored[..., 1:].astype(np.int32) - 2 ** (bits - 1)
    return np.concatenate([stored[..., :1] * (100 / (2**bits - 1)), chroma.astype(np.float64) / 2 ** (bits - 8)], axis=-1)


def lab_to_srgb(lab: np.ndarray) -> np.ndarray:
    """(H, W, 3) Lab under D50 -> sRGB in [0, 1], colours beyond it clipped."""
    lightness, a, b = np.moveaxis(lab, -1, 0)
    y = (lightness + 16) / 116
    cubes = np.stack([y + a / 500, y, y - b / 200], axis=-1)
    xyz = np.where(cubes > 6 / 29, cubes**3, 3 * (6 / 29) ** 2 * (cubes - 4 / 29)) * _D50
    linear = (xyz @ _TO_LINEAR.T).clip(0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
