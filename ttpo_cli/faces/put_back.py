"""Restored faces put back into a photo: what a restorer changed is warped back under a feathered mask, so that no seam can show."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ttpo_cli.faces.alignment import FFHQ, Template, aligned, centres, sampled, to_template
from ttpo_cli.faces.face import Face

# The mask's ellipse as shares of the square: its centre and half axes, and how far within it the mask rises from 0 to 1.
_CENTRE, _AXES, _FEATHER = (0.5, 0.54), (0.46, 0.46), 0.35


@dataclass(frozen=True)
class Change:
    """What was changed of one face: (1, 3, side, side), the restored aligned face less the aligned face of the image it goes into."""

    face: Face
    difference: Tensor


def change(image: Tensor, face: Face, restored: Tensor, template: Template = FFHQ) -> Change:
    """The change that makes a face of an image (1, 3, H, W) the restored one, (1, 3, side, side) in [0, 1]."""
    return Change(face, restored - aligned(image, face, template.at(restored.shape[-1])))


def put_back(image: Tensor, changes: Sequence[Change], template: Template = FFHQ) -> Tensor:
    """An image (1, 3, H, W) in [0, 1] with its faces changed; where none was, it is returned to the last bit.

    Only the difference is warped, so that an aligned face that stays as it is leaves the image as it is, and detail finer than an aligned
    face can hold stays the image's. Where faces overlap, each has its share by its mask.
    """
    total, weight = torch.zeros_like(image), torch.zeros_like(image[:, :1])
    for each in changes:
        region = _region(each, image.shape[-2:], template)
        if region is None:
            continue
        (top, left, height, width), difference, mask = region
        total[..., top : top + height, left : left + width] += mask * difference
        weight[..., top : top + height, left : left + width] += mask
    return (image + total / weight.clamp(min=1)).clamp(0, 1)


def feathered(x: Tensor, y: Tensor) -> Tensor:
    """The mask at places of an aligned face, shares of its side: 1 over the face, 0 from the ellipse around it on, smooth between."""
    radius = torch.hypot((x - _CENTRE[0]) / _AXES[0], (y - _CENTRE[1]) / _AXES[1])
    rise = ((1 - radius) / _FEATHER).clamp(0, 1)
    return rise * rise * (3 - 2 * rise)


def _region(each: Change, size: tuple[int, ...], template: Template) -> tuple[tuple[int, int, int, int], Tensor, Tensor] | None:
    """(top, left, height, width) of the part of an image that a change reaches, and change and mask there; None where it reaches none."""
    side = each.difference.shape[-1]
    mapping = to_template(each.face, template.at(side))
    edge = torch.tensor([0.0, float(side)], dtype=torch.float64)
    x, y = mapping.inverse(edge.repeat(2), edge.repeat_interleave(2))
    left, right = max(0, math.floor(float(x.min()))), min(size[-1], math.ceil(float(x.max())))
    top, bottom = max(0, math.floor(float(y.min()))), min(size[-2], math.ceil(float(y.max())))
    if left >= right or top >= bottom:
        return None
    shape = (bottom - top, right - left)
    difference = sampled(each.difference, mapping, shape, (top, left))
    across, down = mapping(*centres(shape, (top, left)))
    mask = feathered(across / side, down / side).to(difference)
    return (top, left, *shape), difference, mask
