"""The 8x8 blocks of planes, and their orthonormal discrete cosine transform, as JPEG cuts and transforms them (ITU-T T.81, annex A)."""

from functools import lru_cache

import numpy as np
from scipy.fft import dct

GRID = 8


def all_blocks(planes: list[np.ndarray], offset: tuple[int, int] = (0, 0), most: int = 16000) -> np.ndarray:
    """(N, 64) float32: whole blocks of the grid at this offset (row, column), about `most` evenly chosen."""
    found = []
    for plane in planes:
        part = plane[offset[0] :, offset[1] :]
        rows, columns = part.shape[0] // GRID, part.shape[1] // GRID
        blocks = part[: GRID * rows, : GRID * columns].reshape(rows, GRID, columns, GRID).swapaxes(1, 2).reshape(-1, GRID * GRID)
        found.append(blocks[:: max(1, len(blocks) * len(planes) // most)])
    return np.concatenate(found).astype(np.float32)


def unclipped(blocks: np.ndarray) -> np.ndarray:
    """The blocks that touch neither black nor white; all of them where that leaves hardly any."""
    inside = (blocks.min(axis=1) > 1) & (blocks.max(axis=1) < 254)
    return blocks[inside] if inside.sum() >= min(len(blocks), 20) else blocks


@lru_cache(maxsize=1)
def dct_basis() -> np.ndarray:
    """(64 pixels, 64 coefficients) float32: blocks @ basis are the coefficients, row by row."""
    one = np.asarray(dct(np.eye(GRID), axis=0, norm="ortho"), dtype=np.float64)
    return np.ascontiguousarray(np.kron(one, one).T.astype(np.float32))
