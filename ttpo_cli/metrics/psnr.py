"""PSNR as super-resolution papers measure it: on RGB or on Y of BT.601, border cropped, values on the 8-bit grid or not."""

import torch
from torch import Tensor

from ttpo_cli.imaging.colour import luma


def psnr(image: Tensor, reference: Tensor, border: int = 0, eight_bit: bool = True) -> Tensor:
    """PSNR in dB of (N, 3, H, W) RGB in [0, 1] over all three channels -> (N,) float64, infinite where equal.

    border: pixels cut from each side first (the scale, in SR papers). eight_bit: round the image to 8 bit first, as a written file
    is; without it the function is differentiable. Raises ValueError where the border leaves nothing.
    """
    return _psnr(*_prepared(image, reference, border, eight_bit))


def psnr_y(image: Tensor, reference: Tensor, border: int = 0, eight_bit: bool = True) -> Tensor:
    """The same on Y of BT.601 (16..235 of 255, not rounded itself): the PSNR of super-resolution tables."""
    image, reference = _prepared(image, reference, border, eight_bit)
    return _psnr(luma(image), luma(reference))


def cropped(image: Tensor, border: int) -> Tensor:
    """Without `border` pixels at each side. Raises ValueError where nothing would be left."""
    height, width = image.shape[-2:]
    if 2 * border >= min(height, width):
        raise ValueError(f"a border of {border} px leaves nothing of {width}x{height} px")
    return image[..., border : height - border, border : width - border]


def on_8_bit_grid(image: Tensor) -> Tensor:
    """Clamped and rounded as a written 8-bit file would be, still float in [0, 1]."""
    return (image.clamp(0, 1) * 255).round() / 255


def _prepared(image: Tensor, reference: Tensor, border: int, eight_bit: bool) -> tuple[Tensor, Tensor]:
    image, reference = cropped(image, border).double(), cropped(reference, border).double()
    return (on_8_bit_grid(image), on_8_bit_grid(reference)) if eight_bit else (image, reference)


def _psnr(image: Tensor, reference: Tensor) -> Tensor:
    return -10 * torch.log10((image - reference).square().mean(dim=(1, 2, 3)))
