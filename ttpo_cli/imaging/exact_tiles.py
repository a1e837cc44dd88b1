"""Run a function of images of one size over an image of any size: tiles of exactly that size, blended by triangular weights."""

from collections.abc import Callable

import torch
from torch import Tensor

from ttpo_cli.imaging.tiles import pad_reflect, spans
from ttpo_cli.progress import OnCount


def map_exact_tiles(
    function: Callable[[Tensor], Tensor],
    image: Tensor,
    *,
    size: tuple[int, int],
    overlap: int,
    scale: int = 1,
    on_tile: OnCount | None = None,
) -> Tensor:
    """`function` of the image tile by tile: (1, C, H, W) -> (1, C', H * scale, W * scale), float32 on the device of the results.

    function: (1, C, *size) -> (1, C', *size * scale). overlap: input pixels that neighbours share at least, at most half of a side.
    An image smaller than one tile is extended by reflection, and the result cut back. on_tile(done, total) is called after every tile.
    """
    height, width = image.shape[-2:]
    padded = pad_reflect(image, 1, max(size))[0][..., : max(height, size[0]), : max(width, size[1])]
    rows, columns = (spans(extent, side, min(overlap, side // 2), 1) for extent, side in zip(padded.shape[-2:], size, strict=True))
    weights = torch.outer(*(_triangle(side * scale) for side in size))
    places = [(top, left) for top, _ in rows for left, _ in columns]
    total = torch.zeros(padded.shape[-2] * scale, padded.shape[-1] * scale)
    result: Tensor | None = None
    for done, (top, left) in enumerate(places):
        piece = function(padded[..., top : top + size[0], left : left + size[1]]).float()
        if result is None:
            total, weights = total.to(piece.device), weights.to(piece.device)
            result = torch.zeros(*piece.shape[:2], *total.shape, device=piece.device)
        place = (..., slice(top * scale, (top + size[0]) * scale), slice(left * scale, (left + size[1]) * scale))
        result[place] += piece * weights
        total[place] += weights
        if on_tile is not None:
            on_tile(done + 1, len(places))
    assert result is not None
    return (result / total)[..., : height * scale, : width * scale]


def _triangle(side: int) -> Tensor:
    """From an edge to the middle and back, nowhere 0: a tile's pixels count the more the farther they are from its edge."""
    position = torch.arange(side) + 0.5
    return torch.minimum(position, side - position)
