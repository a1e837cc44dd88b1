"""Windows that bound the memory of networks that would take a large photo whole; what each network does with one is in `networks`."""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def in_windows(function: Callable[..., Tensor], side: int | None, *images: Tensor) -> Tensor:
    """`function` of images (N, 3, H, W) -> (N,); of larger ones than `side` the mean over windows of equal size that cover them.

    None: always of the whole. A mean over windows is ttpo's, not the metrics' authors': they score photos of 500 to 1000 pixels.
    """
    height, width = images[0].shape[-2:]
    if side is None or max(height, width) <= side:
        return function(*images)
    scores = [
        function(*(image[..., top:bottom, left:right] for image in images))
        for top, bottom in windows(height, side)
        for left, right in windows(width, side)
    ]
    return torch.stack(scores).mean(dim=0)


def windows(size: int, side: int) -> list[tuple[int, int]]:
    """The fewest (start, stop) of one length, at most `side`, that cover 0..size, spread evenly."""
    count = math.ceil(size / side)
    length = math.ceil(size / count)
    return [(start, start + length) for start in (round(index * (size - length) / max(1, count - 1)) for index in range(count))]
