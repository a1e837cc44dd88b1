"""Splits of an image or latent into a low and a high band over its spatial axes (TTPO, arXiv 2511.19169, section 4.3)."""

from collections.abc import Callable

import torch
from torch import Tensor

from ttpo_cli.imaging.wavelets import haar_dwt, haar_idwt

# x (N, C, h, w) -> its low band, same shape; the high band is x less that.
LowPass = Callable[[Tensor], Tensor]


def gaussian_low_pass(cutoff: float) -> LowPass:
    """FFT low-pass G = exp(-D^2 / (2 (0.707 D0)^2)), D the distance in normalised frequency, D0 = `cutoff` (the paper's: 0.9).

    Edges wrap around, as the FFT's do; `imaging.filters.gaussian_blur` is the Gaussian over pixels, of a deviation.
    """

    def low(x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        vertical = torch.fft.fftfreq(height, device=x.device)[:, None]
        horizontal = torch.fft.rfftfreq(width, device=x.device)[None]
        gain = torch.exp(-(vertical**2 + horizontal**2) / (2 * (0.707 * cutoff) ** 2))
        return torch.fft.irfft2(torch.fft.rfft2(x.float()) * gain, s=(height, width)).to(x.dtype)

    return low


def haar_low_pass(levels: int) -> LowPass:
    """Keep the LL band of `levels` Haar levels; sizes must be multiples of 2 ** levels."""

    def low(x: Tensor) -> Tensor:
        return _keep_low(x, levels)

    return low


def _keep_low(x: Tensor, levels: int) -> Tensor:
    if levels == 0:
        return x
    bands = haar_dwt(x)
    channels = x.shape[1]
    kept = _keep_low(bands[:, :channels], levels - 1)
    return haar_idwt(torch.cat((kept, torch.zeros_like(bands[:, channels:])), dim=1))


# How a frequency split is made from its one number: the Gaussian's cutoff D0, or (rounded) the number of Haar levels.
SPLITS: dict[str, Callable[[float], LowPass]] = {
    "gaussian": gaussian_low_pass,
    "haar": lambda cutoff: haar_low_pass(max(1, round(cutoff))),
}
