"""SD3, FLUX.1 and FLUX.2: rectified-flow transformers of latents as denoisers in variance-exploding form (arXiv 2209.03003, 2403.03206).

x_t = (1 - t) x0 + t n = (1 - t) (x0 + sigma n),  sigma = t / (1 - t);   velocity v = n - x0,  x0 = x_t - t v.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ttpo_cli.diffusion.priors.prompts import Prompt, Prompted

# (x_t (N, C, h, w), t (N,) in [0, 1], prompt) -> velocity (N, C, h, w)
Velocity = Callable[[Tensor, Tensor, Prompt], Tensor]


def flow_denoiser(velocity: Velocity, dtype: torch.dtype) -> Prompted:
    """A velocity as x0_hat(x, sigma, condition, prompt); the condition is not used. dtype: of the network."""

    def denoise(x: Tensor, sigma: Tensor, condition: Tensor | None, prompt: Prompt) -> Tensor:
        time = sigma / (1 + sigma)
        level = time[:, None, None, None]
        x_t = (1 - level) * x
        return x_t - level * velocity(x_t.to(dtype), time, prompt).float()

    return denoise


def sd3_velocity(network: Any) -> Velocity:
    """SD3 and SD3.5: the transformer takes latents as they are, and t in thousandths."""

    def velocity(x_t: Tensor, time: Tensor, prompt: Prompt) -> Tensor:
        return network(x_t, timestep=1000 * time, encoder_hidden_states=prompt.tokens, pooled_projections=prompt.pooled).sample

    return velocity


def flux_velocity(network: Any, distilled_guidance: float) -> Velocity:
    """FLUX.1: tokens of 2x2 latent cells with their positions.

    distilled_guidance: an input of a distilled network (dev); schnell takes none.
    """
    distilled = bool(network.config.guidance_embeds)

    def velocity(x_t: Tensor, time: Tensor, prompt: Prompt) -> Tensor:
        height, width = x_t.shape[-2] // 2, x_t.shape[-1] // 2
        output = network(
            hidden_states=pack(x_t),
            timestep=time,
            guidance=torch.full_like(time, distilled_guidance) if distilled else None,
            encoder_hidden_states=prompt.tokens,
            pooled_projections=prompt.pooled,
            txt_ids=x_t.new_zeros(prompt.tokens.shape[1], 3),
            img_ids=grid(height, width, 3).to(x_t),
        ).sample
        return unpack(output, height, width)

    return velocity


def flux2_velocity(network: Any, distilled_guidance: float) -> Velocity:
    """FLUX.2: its latents are already one token a cell; text tokens are numbered on the fourth axis.

    distilled_guidance: as for FLUX.1 dev.
    """
    distilled = bool(network.config.guidance_embeds)

    def velocity(x_t: Tensor, time: Tensor, prompt: Prompt) -> Tensor:
        count, _, height, width = x_t.shape
        text = torch.zeros(prompt.tokens.shape[1], 4, device=x_t.device)
        text[:, 3] = torch.arange(len(text), device=x_t.device)
        output = network(
            hidden_states=x_t.flatten(2).transpose(1, 2),
            timestep=time,
            guidance=torch.full_like(time, distilled_guidance) if distilled else None,
            encoder_hidden_states=prompt.tokens,
            txt_ids=text.expand(count, -1, -1),
            img_ids=grid(height, width, 4).to(x_t.device).expand(count, -1, -1),
        ).sample
        return output.transpose(1, 2).unflatten(2, (height, width))

    return velocity


def pack(latent: Tensor) -> Tensor:
    """2x2 cells as one token, channels first: (N, C, 2h, 2w) -> (N, h w, 4C)."""
    count, channels, height, width = latent.shape
    cells = latent.reshape(count, channels, height // 2, 2, width // 2, 2)
    return cells.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def unpack(tokens: Tensor, height: int, width: int) -> Tensor:
    """The opposite of `pack`: (N, h w, 4C) -> (N, C, 2h, 2w)."""
    cells = tokens.unflatten(1, (height, width)).unflatten(3, (-1, 2, 2))
    return cells.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)


def grid(height: int, width: int, axes: int) -> Tensor:
    """The position of each token, rows on axis 1 and columns on axis 2, zero on the others: (h w, axes)."""
    positions = torch.zeros(height, width, axes)
    positions[..., 1] = torch.arange(height)[:, None]
    positions[..., 2] = torch.arange(width)
    return positions.flatten(0, 1)
