"""The low band of the dual-tree complex wavelet transform (Kingsbury 2001, Appl. Comput. Harmon. Anal. 10(3)): nearly shift-invariant.

The first level filters with the symmetric 13-tap filter of the near-symmetric (13, 19) pair and leaves even samples to tree a, odd ones to
tree b; further levels filter with the 14-tap quarter-shift filter, in tree b reversed in time. The low bands of all four trees of an image
(two an axis) together sample it twice as densely an axis as one tree does.
"""

import torch
from torch import Tensor
from torch.nn import functional

_NEAR_SYMMETRIC_HALF = (-0.0017578125, 0.0, 0.022265625, -0.046875, -0.0482421875, 0.296875)
NEAR_SYMMETRIC = (*_NEAR_SYMMETRIC_HALF, 0.55546875, *_NEAR_SYMMETRIC_HALF[::-1])
QUARTER_SHIFT = (
    *(0.00325314, -0.00388321, 0.03466035, -0.03887280, -0.11720389, 0.27529538, 0.75614564),
    *(0.56881042, 0.01186609, -0.10671180, 0.02382538, 0.01702522, -0.00543948, -0.00455690),
)


def dual_tree_low_band(image: Tensor, levels: int = 3) -> Tensor:
    """(N, C, H, W) -> (N, 4 C, h, w), h = ceil(H / 2^levels): the low bands of the four trees, edges mirrored.

    A constant c becomes 2^(levels - 1) c: a gain of 1 at the first level and of sqrt(2) an axis at each further one.
    """
    return torch.cat([_tree(_tree(image, column, levels).mT, row, levels).mT for row in (0, 1) for column in (0, 1)], dim=1)


def _tree(image: Tensor, tree: int, levels: int) -> Tensor:
    """One tree's low band along the last axis: tree b's samples lie half a sample after tree a's."""
    low = _filtered(image, NEAR_SYMMETRIC, tree - 6)
    taps = QUARTER_SHIFT[::-1] if tree else QUARTER_SHIFT
    for _ in range(levels - 1):
        low = _filtered(low, taps, -6)
    return low


def _filtered(signal: Tensor, taps: tuple[float, ...], first: int) -> Tensor:
    """Every other sample along the last axis: y_n = sum_k taps_k x_(2 n + first + k), x mirrored at its edges."""
    count, channels, rows, length = signal.shape
    outputs = -(-length // 2)
    at = torch.arange(first, first + 2 * (outputs - 1) + len(taps), device=signal.device) % (2 * length)
    padded = signal[..., torch.where(at < length, at, 2 * length - 1 - at)].reshape(count * channels, 1, rows, -1)
    weights = torch.tensor(taps, dtype=signal.dtype, device=signal.device)[None, None, None]
    return functional.conv2d(padded, weights, stride=(1, 2)).reshape(count, channels, rows, outputs)
