"""Images to latents and back: an autoencoder of diffusers with its shift and scale, so that latents have about unit variance."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

# Called before the autoencoder computes: brings it to its device where it is kept elsewhere meanwhile.
Before = Callable[[], None]


def cell_size(vae: Any) -> int:
    """Pixels a side of one cell of x0: 8 for most, 16 for FLUX.2, which puts 2x2 cells into one."""
    blocks = vae.config.encoder_block_out_channels if is_tiny(vae) else vae.config.block_out_channels
    return 2 ** (len(blocks) - 1) * (2 if is_normalised(vae) else 1)


def cell_channels(vae: Any) -> int:
    """Channels of x0."""
    return vae.config.latent_channels * (4 if is_normalised(vae) else 1)


def is_tiny(vae: Any) -> bool:
    """An AutoencoderTiny encodes to scaled latents without a distribution."""
    return "encoder_block_out_channels" in vae.config


def is_normalised(vae: Any) -> bool:
    """FLUX.2's autoencoder standardises 2x2 cells of latents by statistics it carries, not by one shift and scale."""
    return "batch_norm_eps" in vae.config


def encoder(vae: Any, before: Before) -> Callable[[Tensor], Tensor]:
    """Image (N, 3, H, W) in [0, 1] -> x0 (N, C, h, w) float32: the mode of the autoencoder's posterior, shifted and scaled."""

    @torch.no_grad()
    def encode(image: Tensor) -> Tensor:
        before()
        encoded = vae.encode((image * 2 - 1).to(vae.dtype))
        latent = (encoded.latents if is_tiny(vae) else encoded.latent_dist.mode()).float()
        if is_normalised(vae):
            mean, deviation = _statistics(vae, latent)
            return (functional.pixel_unshuffle(latent, 2) - mean) / deviation
        return (latent - _shift(vae)) * vae.config.scaling_factor

    return encode


def decoder(vae: Any, before: Before) -> Callable[[Tensor], Tensor]:
    """x0 (N, C, h, w) -> image (N, 3, H, W), float32, about [0, 1]. Differentiable; where a gradient is asked for, block by block
    under checkpointing, at the memory of one block."""

    def decode(x0: Tensor) -> Tensor:
        before()
        if is_normalised(vae):
            mean, deviation = _statistics(vae, x0)
            latent = functional.pixel_shuffle(x0 * deviation + mean, 2)
        else:
            latent = x0 / vae.config.scaling_factor + _shift(vae)
        return (vae.decode(latent.to(vae.dtype)).sample.float() + 1) / 2

    return decode


def _shift(vae: Any) -> float:
    return vae.config.get("shift_factor", None) or 0.0


def _statistics(vae: Any, like: Tensor) -> tuple[Tensor, Tensor]:
    mean = vae.bn.running_mean.to(like).view(1, -1, 1, 1)
    variance = vae.bn.running_var.to(like).view(1, -1, 1, 1)
    return mean, (variance + vae.config.batch_norm_eps).sqrt()
