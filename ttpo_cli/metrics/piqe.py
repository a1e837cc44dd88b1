"""PIQE: share of visibly distorted blocks among the active ones (Venkatanath et al., NCC 2015; MATLAB's constants)."""

import torch
from torch import Tensor

from ttpo_cli.metrics.natural_scene import by_strips, contrast_normalised, into_blocks

BLOCK = 16
_ACTIVE_VARIANCE = 0.1  # a block of more variance than this is looked at
_FLAT_DEVIATION = 0.1  # an edge segment of less deviation than this is visible as a step between blocks
_SEGMENT = 6  # px of an edge segment


def piqe(image: Tensor) -> Tensor:
    """PIQE of (N, 3, H, W) RGB in [0, 1] -> (N,) float64 in 0..100, lower is better. Any size, mirrored up to whole 16 px blocks.

    The grey image is stretched so that its maximum is 255, as MATLAB does. An image without one active block scores 100.
    """
    grey = _stretched_grey(_pad(image))
    activity, distortion = by_strips(grey, BLOCK, _judge_blocks).sum(dim=1).unbind(dim=-1)
    return 100 * (distortion + 1) / (activity + 1)


def _judge_blocks(grey: Tensor, first: int, height: int) -> Tensor:
    """(N, blocks, 2): whether each block is active, and how much distortion it shows."""
    blocks = into_blocks(contrast_normalised(grey.double())[..., first : first + height, :], BLOCK)
    variance = blocks.var(dim=(-2, -1))
    active = (variance > _ACTIVE_VARIANCE).to(blocks)
    blocking = _has_flat_edge(blocks) * (1 - variance)
    noise = _is_noisy(blocks, variance) * variance
    return torch.stack((active, active * (blocking + noise)), dim=-1)


def _stretched_grey(image: Tensor) -> Tensor:
    """rgb2gray, brightest pixel to 255, rounded: (N, 1, H, W). A black image stays black."""
    red, green, blue = image.split(1, dim=1)
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    brightest = grey.amax(dim=(1, 2, 3), keepdim=True)
    return (255 * (grey / torch.where(brightest > 0, brightest, 1))).round()


def _pad(image: Tensor) -> Tensor:
    """Mirror rows and columns (the edge itself repeated) up to whole blocks."""
    for dim in (2, 3):
        size = image.shape[dim]
        position = torch.arange(-(-size // BLOCK) * BLOCK, device=image.device) % (2 * size)
        image = image.index_select(dim, torch.where(position < size, position, 2 * size - 1 - position))
    return image


def _has_flat_edge(blocks: Tensor) -> Tensor:
    """Whether any 6 px segment of a block's four sides is flat: (N, blocks) of 0 or 1."""
    sides = torch.stack((blocks[..., 0, :], blocks[..., -1, :], blocks[..., 0], blocks[..., -1]), dim=-2)
    deviation = sides.unfold(-1, _SEGMENT, 1).std(dim=-1)
    return (deviation < _FLAT_DEVIATION).flatten(-2).any(dim=-1).to(blocks)


def _is_noisy(blocks: Tensor, variance: Tensor) -> Tensor:
    """Whether deviation exceeds twice its relative distance from the centre-to-surround ratio: (N, blocks) of 0 or 1.

    The centre is the two middle columns. The surround leaves out columns 7 and 9, not 7 and 8: MATLAB deletes one column, then
    the next by its number in the whole block; its thresholds and published scores belong to that.
    """
    deviation = variance.sqrt()
    centre = blocks[..., 7:9].flatten(-2).std(dim=-1)
    surround = blocks[..., [column for column in range(BLOCK) if column not in (7, 9)]].flatten(-2).std(dim=-1)
    ratio = (centre / surround).nan_to_num()
    beta = (deviation - ratio).abs() / torch.maximum(deviation, ratio)
    return (deviation > 2 * beta).to(blocks)
