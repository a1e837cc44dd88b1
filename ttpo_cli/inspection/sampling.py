"""What is looked at of a large photo: square crops spread over it, their corners on the grid of 8 pixels of the whole photo."""

import numpy as np
from torch import Tensor

from ttpo_cli.inspection.blocks import GRID

CROP, CROPS = 256, 16
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # JFIF's Y


def crops(pixels: Tensor, side: int = CROP, count: int = CROPS) -> list[np.ndarray]:
    """(1, 3, H, W) in [0, 1] -> up to `count` arrays (3, h, w) of at most side x side, spread evenly; one where the photo is smaller.

    Each begins at a multiple of 8 pixels. Together they cover a small photo.
    """
    height, width = pixels.shape[-2:]
    rows, columns = _places(height, side, count), _places(width, side, count)
    while len(rows) * len(columns) > count:
        if len(rows) >= len(columns):
            rows = _spread(height, side, len(rows) - 1)
        else:
            columns = _spread(width, side, len(columns) - 1)
    return [pixels[0, :, top : top + side, left : left + side].cpu().numpy() for top in rows for left in columns]


def luma(crop: np.ndarray) -> np.ndarray:
    """(3, h, w) in [0, 1] -> (h, w) in [0, 255]: the Y that JPEG files hold."""
    return 255 * np.tensordot(LUMA, crop, axes=1)


def _places(length: int, side: int, most: int) -> list[int]:
    return _spread(length, side, min(most, -(-length // side)))


def _spread(length: int, side: int, count: int) -> list[int]:
    """`count` starts from 0 to length - side, at multiples of 8."""
    room = max(0, length - side)
    if count <= 1:
        return [room // 2 // GRID * GRID]
    return sorted({round(room * index / (count - 1)) // GRID * GRID for index in range(count)})
