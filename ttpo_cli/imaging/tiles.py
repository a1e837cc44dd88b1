"""Run a function over an image in overlapping tiles, blended by linear ramps whose weights sum to 1 at every pixel."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ttpo_cli.errors import UsageError


@dataclass(frozen=True)
class Overlap:
    """What neighbouring tiles share.

    Attributes:
        pixels: Shared at least.
        context: Next to a tile's edge these are not used, since the function misses what surrounds them; within the `pixels`. Where it
            depends on no more than this many pixels around one, tiles give exactly what the whole image gives.
    """

    pixels: int
    context: int = 0

    def within(self, tile: int) -> "Overlap":
        """At most a quarter of a tile, or half of it where a context must be kept."""
        return Overlap(pixels=min(self.pixels, tile // 2 if self.context else tile // 4), context=self.context)


def map_tiles(
    function: Callable[[Tensor], Tensor],
    image: Tensor,
    *,
    tile: int,
    overlap: int | Overlap,
    scale: int = 1,
    multiple: int = 1,
    minimum: int = 1,
    on_tile: Callable[[int, int], None] | None = None,
) -> Tensor:
    """`function` of the whole image, computed tile by tile: (1, C, H, W) -> (1, C', H * scale, W * scale).

    function: (1, C, h, w) -> (1, C', h * scale, w * scale), called with h and w multiples of `multiple` and at least `minimum`.
    tile: the longest side of a tile in input pixels, its overlap included (raised to fit `multiple` and `minimum`); 0 is one piece.
    overlap: input pixels that neighbouring tiles share at least; across them, or what an Overlap's context leaves of them, the one fades
    out linearly as the other fades in.
    The image is padded by reflection where needed and the result cut back. on_tile(done, total) is called after every tile.
    Memory: the result and one tile. Half-precision tiles are summed in float32. Raises UsageError for a tile that its overlap fills.
    """
    padded, (height, width) = pad_reflect(image, multiple, minimum)
    if tile == 0:
        result = _checked(function(padded), padded, scale)
        if on_tile is not None:
            on_tile(1, 1)
        return result[..., : height * scale, : width * scale]
    tile = _fitting(tile, multiple, minimum)
    shared, context = (overlap.pixels, overlap.context) if isinstance(overlap, Overlap) else (overlap, 0)
    if not 0 <= shared < tile:
        raise UsageError(f"an overlap of {shared} pixels does not fit a tile of {tile}: choose an overlap from 0 to {tile - 1}")
    grid = multiple if context else 1
    rows, columns = (spans(side, tile, shared, grid) for side in padded.shape[-2:])
    row_weights, column_weights = _weights(rows, scale, context), _weights(columns, scale, context)
    result: Tensor | None = None
    for done, (row, column) in enumerate((row, column) for row in range(len(rows)) for column in range(len(columns))):
        (top, bottom), (left, right) = rows[row], columns[column]
        tile_input = padded[..., top:bottom, left:right]
        piece = _checked(function(tile_input), tile_input, scale)
        if result is None:
            dtype = torch.promote_types(piece.dtype, torch.float32)
            result = torch.zeros(*piece.shape[:2], height * scale, width * scale, dtype=dtype, device=piece.device)
        place = result[..., top * scale : bottom * scale, left * scale : right * scale]
        seen_height, seen_width = place.shape[-2:]  # a tile may reach into the padding
        weights = torch.outer(row_weights[row][:seen_height], column_weights[column][:seen_width])
        place += piece[..., :seen_height, :seen_width] * weights.to(result)
        if on_tile is not None:
            on_tile(done + 1, len(rows) * len(columns))
    assert result is not None
    return result


def pad_reflect(image: Tensor, multiple: int, minimum: int = 1) -> tuple[Tensor, tuple[int, int]]:
    """Extend (N, C, H, W) below and to the right by reflection, until both sides are multiples of `multiple` and at least `minimum`.

    Returns the padded image and (H, W) to cut back to. Reflection repeats where the image is smaller than the pad, so 1x1 works.
    """
    height, width = image.shape[-2:]
    for dim, size in ((-2, height), (-1, width)):
        target = _fitting(size, multiple, minimum)
        if target != size:
            image = image.index_select(dim, _reflected(size, target).to(image.device))
    return image, (height, width)


def _fitting(size: int, multiple: int, minimum: int) -> int:
    """The smallest multiple of `multiple` that is at least `size` and `minimum`."""
    return math.ceil(max(size, minimum) / multiple) * multiple


def _reflected(size: int, target: int) -> Tensor:
    """Indices 0..target-1 folded into 0..size-1 by reflection about the first and the last (neither repeated)."""
    if size == 1:
        return torch.zeros(target, dtype=torch.long)
    position = torch.arange(target) % (2 * (size - 1))
    return torch.where(position < size, position, 2 * (size - 1) - position)


def spans(size: int, tile: int, overlap: int, multiple: int) -> list[tuple[int, int]]:
    """The fewest (start, stop) of `tile` pixels that cover 0..size with at least `overlap` shared, spread evenly.

    They start at multiples of `multiple` (1: anywhere), of which size and tile are some, so that a function with a grid of its own sees
    the same one.
    """
    if size <= tile:
        return [(0, size)]
    steps, room = (size - tile) // multiple, max((tile - overlap) // multiple, 1)
    count = math.ceil(steps / room) + 1
    starts = [round(index * steps / (count - 1)) * multiple for index in range(count)]
    return [(start, start + tile) for start in starts]


def _weights(spans: list[tuple[int, int]], scale: int, context: int) -> list[Tensor]:
    """One weight vector a span, in output pixels. Each is a rise less the next one's rise, so that together they are 1 everywhere."""
    weights = []
    for index, (start, stop) in enumerate(spans):
        centres = torch.arange(start * scale, stop * scale, dtype=torch.float64) + 0.5
        weights.append(_rise(spans, index, centres / scale, context) - _rise(spans, index + 1, centres / scale, context))
    return weights


def _rise(spans: list[tuple[int, int]], index: int, position: Tensor, context: int) -> Tensor:
    """From 0 to 1 linearly across what span `index` shares with the one before, or its middle part where a third span reaches in.

    Of the part, `context` pixels at either end are left out, as far as there are.
    """
    if index in (0, len(spans)):
        return torch.full_like(position, float(index == 0))
    start, stop = spans[index][0], spans[index - 1][1]
    width = min(stop - start, start - spans[index - 1][0]) - 2 * context
    if width <= 0:
        return (position > (start + stop) / 2).double()
    return (((position - (start + stop) / 2) / width) + 0.5).clamp(0, 1)


def _checked(piece: Tensor, tile_input: Tensor, scale: int) -> Tensor:
    """The function's answer, if it has the size it promised."""
    expected = tuple(side * scale for side in tile_input.shape[-2:])
    if tuple(piece.shape[-2:]) != expected:
        raise ValueError(f"a tile of {tuple(tile_input.shape[-2:])} at scale {scale} became {tuple(piece.shape[-2:])}, not {expected}")
    return piece
