"""Colour under transparent pixels: filled from the visible neighbours by pull-push (Gortler et al., The Lumigraph, SIGGRAPH 1996)."""

import torch
from torch import Tensor
from torch.nn import functional

_INVISIBLE = 0.5 / 255


def fill_hidden(pixels: Tensor, alpha: Tensor) -> Tensor:
    """The image with what alpha hides replaced by what is visible around, so that nothing hidden comes in at an edge.

    pixels: (1, 3, H, W); alpha: (1, 1, H, W) in [0, 1]. Visible pixels stay as they are; so does all of an image that is nowhere or
    everywhere visible.
    """
    visible = alpha > _INVISIBLE
    if bool(visible.all()) or not bool(visible.any()):
        return pixels
    return torch.where(visible, pixels, _filled(pixels, torch.where(visible, alpha, 0)))


def _filled(colour: Tensor, weight: Tensor) -> Tensor:
    """Pull: weighted means of 2x2 pixels, until all have a colour; push: what has none takes that of the next coarser level."""
    if bool((weight > 0).all()) or max(colour.shape[-2:]) == 1:
        return colour
    height, width = colour.shape[-2:]
    odd = (0, width % 2, 0, height % 2)
    summed = functional.avg_pool2d(functional.pad(colour * weight, odd), 2)
    weights = functional.avg_pool2d(functional.pad(weight, odd), 2)
    coarse = _filled(summed / weights.clamp(min=1e-12), (4 * weights).clamp(max=1))
    finer = functional.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)[..., :height, :width]
    return torch.where(weight > 0, colour, finer)
