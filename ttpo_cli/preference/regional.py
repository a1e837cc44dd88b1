"""Regional preference: the preferred and dispreferred candidate chosen for each neighbourhood, not for the whole photo.

Ours: one photo wants texture in its foliage and none in its sky, so one candidate is rarely the better one everywhere.
"""

import torch
from torch import Tensor
from torch.nn import functional


def smooth_maps(maps: Tensor, window: int) -> Tensor:
    """Mean of score maps (N, 1, h, w) over overlapping windows of `window` map cells, edges by what lies inside."""
    size = min(max(1, window) | 1, 2 * min(maps.shape[-2:]) - 1)
    ones = torch.ones_like(maps[:1])
    reach = size // 2
    summed = functional.avg_pool2d(maps, size, stride=1, padding=reach, count_include_pad=True)
    inside = functional.avg_pool2d(ones, size, stride=1, padding=reach, count_include_pad=True)
    return summed / inside


def regional_weights(maps: Tensor, shape: tuple[int, int], window: int, sharpness: float) -> Tensor:
    """Blend weights (N, 1, H, W) that sum to 1 at each pixel: a softmax over candidates of their windowed, standardised scores.

    maps: (N, 1, h, w), higher is better, h and w a fraction of H and W; window: pixels; sharpness: how near the softmax is to argmax.
    A negative sharpness prefers the worst: the dispreferred composite.
    """
    stride = max(1, shape[0] // maps.shape[-2])
    smoothed = smooth_maps(maps, round(window / stride))
    deviation = smoothed.std(dim=0, keepdim=True, correction=0).mean().clamp(min=1e-9)
    weights = torch.softmax(sharpness * (smoothed - smoothed.mean(dim=0, keepdim=True)) / deviation, dim=0)
    enlarged = functional.interpolate(weights, size=shape, mode="bilinear", align_corners=False)
    return enlarged / enlarged.sum(dim=0, keepdim=True)


def compose(images: Tensor, weights: Tensor) -> Tensor:
    """The blend of candidates (N, C, H, W) under weights (N, 1, H, W): (1, C, H, W)."""
    return (images * weights).sum(dim=0, keepdim=True)
