"""The orthonormal Haar wavelet transform of an image batch, one level, and its inverse (Haar 1910; Mallat 1989)."""

import torch
from torch import Tensor


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
