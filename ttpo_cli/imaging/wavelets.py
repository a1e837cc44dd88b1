"""The orthonormal Haar transform of an image batch, one level, and its inverse (Haar 1910; Mallat 1989); the undecimated low band."""

import torch
from torch import Tensor
from torch.nn import functional


def haar_dwt(image: Tensor) -> Tensor:
    """One level of the orthonormal 2-D Haar transform.

    image: (N, C, H, W), H and W even. Returns (N, 4C, H/2, W/2), bands in the order LL, HL, LH, HH, each of C channels.
    LL is twice the mean of each 2x2 block; HL is the right column less the left, LH the lower row less the upper.
    Orthonormal: white noise of deviation sigma stays white noise of deviation sigma. Raises ValueError for an odd size.
    """
    if image.shape[-2] % 2 or image.shape[-1] % 2:
        raise ValueError(f"the Haar transform needs an even height and width, got {image.shape[-2]}x{image.shape[-1]}")
    upper_left, upper_right = image[..., 0::2, 0::2], image[..., 0::2, 1::2]
    lower_left, lower_right = image[..., 1::2, 0::2], image[..., 1::2, 1::2]
    upper, lower = upper_left + upper_right, lower_left + lower_right
    upper_step, lower_step = upper_right - upper_left, lower_right - lower_left
    bands = (upper + lower, upper_step + lower_step, lower - upper, lower_step - upper_step)
    return torch.cat(bands, dim=1) / 2


def haar_idwt(bands: Tensor) -> Tensor:
    """The inverse of `haar_dwt`: (N, 4C, h, w) -> (N, C, 2h, 2w)."""
    low, right, down, diagonal = bands.chunk(4, dim=1)
    batch, channels, height, width = low.shape
    image = bands.new_empty(batch, channels, 2 * height, 2 * width)
    image[..., 0::2, 0::2] = (low - right - down + diagonal) / 2
    image[..., 0::2, 1::2] = (low + right - down - diagonal) / 2
    image[..., 1::2, 0::2] = (low - right + down - diagonal) / 2
    image[..., 1::2, 1::2] = (low + right + down + diagonal) / 2
    return image


def low_band(image: Tensor) -> Tensor:
    """The LL channels of `haar_dwt`: (N, C, H, W) -> (N, C, H/2, W/2), gain 2."""
    return haar_dwt(image)[:, : image.shape[1]]


def smooth_band(image: Tensor, levels: int = 5) -> Tensor:
    """The low band of the undecimated B3-spline wavelet transform (Starck & Murtagh, "a trous"): (N, C, H, W), same shape.

    Each level blurs by (1, 4, 6, 4, 1) / 16 with its taps 2^level pixels apart; edges repeat. Five levels keep what is coarser than
    about 32 pixels: tones and colours.
    """
    taps = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=image.device, dtype=image.dtype) / 16
    count, channels, height, width = image.shape
    band = image.reshape(count * channels, 1, height, width)
    for level in range(levels):
        step = 2**level
        band = functional.pad(band, (2 * step, 2 * step, 0, 0), mode="replicate")
        band = functional.conv2d(band, taps[None, None, None], dilation=(1, step))
        band = functional.pad(band, (0, 0, 2 * step, 2 * step), mode="replicate")
        band = functional.conv2d(band, taps[None, None, :, None], dilation=(step, 1))
    return band.reshape(image.shape)


def replace_low_band(image: Tensor, reference: Tensor, levels: int = 5) -> Tensor:
    """The image with the low band of the reference: its tones and colours, the image's texture. (N, C, H, W), (1 or N, C, H, W)."""
    return image + smooth_band(reference - image, levels)
