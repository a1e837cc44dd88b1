"""Latents larger than a network was trained for: tiles denoised apart and blended at every step (MultiDiffusion, arXiv 2302.08113)."""

import torch
from torch import Tensor

from ttpo_cli.diffusion.denoiser import Denoise
from ttpo_cli.imaging.tiles import map_tiles


def tiled(denoise: Denoise, tile: int, overlap: int, multiple: int) -> Denoise:
    """The same denoiser in overlapping tiles where a latent is larger than one; x0_hat blends by linear ramps.

    tile, overlap: cells a side; multiple: what sides of a tile the network takes. The condition is cut with x.
    """

    def denoise_tiled(x: Tensor, sigma: Tensor, condition: Tensor | None) -> Tensor:
        if max(x.shape[-2:]) <= tile:
            return denoise(x, sigma, condition)
        channels = x.shape[1]

        def piece(stack: Tensor) -> Tensor:
            return denoise(stack[:, :channels], sigma, None if condition is None else stack[:, channels:])

        stack = x if condition is None else torch.cat((x, condition), dim=1)
        return map_tiles(piece, stack, tile=tile, overlap=overlap, multiple=multiple)

    return denoise_tiled
