"""High-band energy against the reference's, in smooth and in textured regions apart: where detail was lost, and where grain was made up."""

import torch
from torch import Tensor
from torch.nn import functional

from ttpo_cli.imaging.colour import luma
from ttpo_cli.imaging.wavelets import haar_dwt

WINDOW = 32  # px


def high_band(image: Tensor, reference: Tensor) -> Tensor:
    """Energy of the finest Haar high bands of luma over the reference's: (N, 3, H, W) RGB in [0, 1] -> (N,).

    1 is right; below, detail is missing; above, detail or grain was made up. NaN where the reference has no such energy at all.
    A remainder of 32 px is left out, as in the two halves.
    """
    energy, expected = window_energy(image), window_energy(reference)
    return energy.sum(dim=(1, 2)) / expected.sum(dim=(1, 2))


def high_band_smooth(image: Tensor, reference: Tensor) -> Tensor:
    """The same over the windows in which the reference has its median energy or less (sky, skin, blurred background)."""
    return _ratio_where(image, reference, textured=False)


def high_band_textured(image: Tensor, reference: Tensor) -> Tensor:
    """The same over the windows in which the reference has more than its median energy (foliage, hair, fabric)."""
    return _ratio_where(image, reference, textured=True)


def window_energy(image: Tensor) -> Tensor:
    """`local_energy` in windows of 32 px without overlap, a remainder left out: (N, 3, H, W) -> (N, H // 32, W // 32)."""
    rows, columns = (size // WINDOW * WINDOW for size in image.shape[-2:])
    return local_energy(image[..., :rows, :columns], WINDOW // 2, WINDOW // 2)[:, 0]


def local_energy(image: Tensor, window: int, stride: int) -> Tensor:
    """Mean square of luma's HL, LH and HH bands over windows of band samples: (N, 3, H, W) -> (N, 1, h, w). Odd sides lose a row."""
    grey = luma(image[..., : image.shape[-2] // 2 * 2, : image.shape[-1] // 2 * 2])
    return functional.avg_pool2d(haar_dwt(grey)[:, 1:].square().mean(dim=1, keepdim=True), window, stride)


def _ratio_where(image: Tensor, reference: Tensor, textured: bool) -> Tensor:
    """Energy ratio over the windows above, or not above, the reference's median energy."""
    energy, expected = window_energy(image), window_energy(reference)
    middle = expected.flatten(1).median(dim=1).values[:, None, None]
    chosen = (expected > middle) == torch.tensor(textured, device=image.device)
    return (energy * chosen).sum(dim=(1, 2)) / (expected * chosen).sum(dim=(1, 2))
