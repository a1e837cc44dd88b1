"""PSNR as super-resolution papers measure it: on RGB or on Y of BT.601, border cropped, values on the 8-bit grid or not."""

from collections.abc import Callable

import torch
from torch import Tensor

from ttpo_cli.imaging.colour import luma

_AT_ONCE = 2**22  # samples that are compared in one piece


def psnr(image: Tensor, reference: Tensor, border: int = 0, eight_bit: bool = True) -> Tensor:
    """PSNR in dB of (N, 3, H, W) RGB, clamped to [0, 1], over all three channels -> (N,) float64, infinite where equal.

    border: pixels cut from each side first (the scale, in SR papers). eight_bit: round the image to 8 bit first, as a written file
    is; without it the function is differentiable. Raises ValueError where the border leaves nothing.
    """
    return _psnr(image, reference, border, eight_bit, lambda shown: shown)


def psnr_y(image: Tensor, reference: Tensor, border: int = 0, eight_bit: bool = True) -> Tensor:
    """The same on Y of BT.601 (16..235 of 255, not rounded itself): the PSNR of super-resolution tables."""
    return _psnr(image, reference, border, eight_bit, luma)


def quick_psnr(image: Tensor, reference: Tensor) -> Tensor:
    """PSNR in dB of (N, 3, H, W) in [0, 1], at most 100, (N,), in the images' own precision and without clamping them.

    What a training's validation records: a resumed run must repeat an older one's numbers to the last digit.
    """
    return -10 * torch.log10((image - reference).square().mean(dim=(1, 2, 3)).clamp(min=1e-10))


def cropped(image: Tensor, border: int) -> Tensor:
    """Without `border` pixels at each side. Raises ValueError where nothing would be left."""
    height, width = image.shape[-2:]
    if 2 * border >= min(height, width):
        raise ValueError(f"a border of {border} px leaves nothing of {width}x{height} px")
    return image[..., border : height - border, border : width - border]


def on_8_bit_grid(image: Tensor) -> Tensor:
    """Clamped and rounded as a written 8-bit file would be, still float in [0, 1]."""
    return (image.clamp(0, 1) * 255).round() / 255


def _psnr(image: Tensor, reference: Tensor, border: int, eight_bit: bool, channels: Callable[[Tensor], Tensor]) -> Tensor:
    """Strip by strip: in float64, whole copies of a photo of 61 megapixels would take gigabytes."""
    image, reference = cropped(image, border), cropped(reference, border)
    rows = max(1, _AT_ONCE // image[0, :, 0].numel())
    grid = on_8_bit_grid if eight_bit else lambda strip: strip.clamp(0, 1)
    squares = []
    for strips in zip(image.split(rows, dim=-2), reference.split(rows, dim=-2), strict=True):
        one, other = (channels(grid(strip.double())) for strip in strips)
        squares.append((one - other).square().mean(dim=(1, 3)).sum(dim=1))
    return -10 * torch.log10(torch.stack(squares).sum(dim=0) / image.shape[-2])
