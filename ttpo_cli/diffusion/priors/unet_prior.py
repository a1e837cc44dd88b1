"""Stable Diffusion 1.x, 2.x, XL and Turbo: a variance-preserving UNet of latents as a denoiser in variance-exploding form.

x_vp = x / sqrt(1 + sigma^2),   sigma_t = sqrt((1 - abar_t) / abar_t)         (DDIM, arXiv 2010.02502, section 4.1; EDM, appendix C)
eps: x0 = x - sigma eps;   v (arXiv 2202.00512, appendix D): x0 = sqrt(abar) x_vp - sqrt(1 - abar) v;   sample: x0 is the output.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ttpo_cli.diffusion.priors.prompts import Prompt, Prompted
from ttpo_cli.errors import unknown_name


def from_eps(x: Tensor, sigma: Tensor, output: Tensor) -> Tensor:
    """x0_hat of a network that predicts the noise. x, output: (N, C, h, w); sigma: (N, 1, 1, 1)."""
    return x - sigma * output


def from_v(x: Tensor, sigma: Tensor, output: Tensor) -> Tensor:
    """x0_hat of a network that predicts v = sqrt(abar) eps - sqrt(1 - abar) x0; abar = 1 / (1 + sigma^2)."""
    return x / (1 + sigma**2) - sigma / (1 + sigma**2).sqrt() * output


def from_sample(x: Tensor, sigma: Tensor, output: Tensor) -> Tensor:
    """x0_hat of a network that predicts x0."""
    return output


PREDICTIONS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"epsilon": from_eps, "v_prediction": from_v, "sample": from_sample}


def sigma_table(alphas_cumprod: Tensor) -> Tensor:
    """sigma_t of each timestep, ascending, float64 (T,). A last timestep of pure noise (zero terminal SNR) has no finite sigma."""
    abar = alphas_cumprod.double()
    return ((1 - abar) / abar).sqrt()[abar > 0]


def timesteps_of(sigma: Tensor, table: Tensor) -> Tensor:
    """The timestep of each sigma, between integers by interpolating log sigma, held at the table's ends: (N,) -> float32 (N,)."""
    levels = table.log().to(sigma.device)
    wanted = sigma.double().clamp(min=1e-12).log().clamp(levels[0], levels[-1])
    above = torch.searchsorted(levels, wanted).clamp(1, len(levels) - 1)
    below = above - 1
    return (below + (wanted - levels[below]) / (levels[above] - levels[below])).float()


def unet_denoiser(
    network: Any, table: Tensor, prediction: str, factor: int, dtype: torch.dtype, *, controlnet: Any = None, strength: float = 1.0
) -> Prompted:
    """The UNet as x0_hat(x, sigma, condition, prompt).

    table: of `sigma_table`; prediction: epsilon, v_prediction or sample; factor: pixels a side of a latent cell; dtype: of the network.
    condition, for a ControlNet alone: the image as channels of latent cells (see `as_cells`); `strength` scales its effect.
    Raises UsageError for an unknown prediction type.
    """
    if prediction not in PREDICTIONS:
        raise unknown_name("prediction type", prediction, PREDICTIONS)
    to_x0 = PREDICTIONS[prediction]

    def denoise(x: Tensor, sigma: Tensor, condition: Tensor | None, prompt: Prompt) -> Tensor:
        level = sigma[:, None, None, None]
        inputs = (x / (1 + level**2).sqrt()).to(dtype)
        timesteps = timesteps_of(sigma, table)
        given: dict[str, Any] = {"encoder_hidden_states": prompt.tokens}
        if prompt.pooled is not None:
            given["added_cond_kwargs"] = {"text_embeds": prompt.pooled, "time_ids": size_ids(x, factor)}
        if controlnet is not None and condition is not None:
            image = functional.pixel_shuffle(condition, factor).to(dtype)
            down, middle = controlnet(inputs, timesteps, controlnet_cond=image, conditioning_scale=strength, return_dict=False, **given)
            given |= {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}
        return to_x0(x, level, network(inputs, timesteps, **given).sample.float())

    return denoise


def size_ids(x: Tensor, factor: int) -> Tensor:
    """SDXL's conditioning on a picture's size: original height and width, no crop, the same height and width; (N, 6), pixels."""
    height, width = (side * factor for side in x.shape[-2:])
    return torch.tensor([height, width, 0, 0, height, width], device=x.device, dtype=torch.float32).expand(x.shape[0], -1)


def as_cells(image: Tensor, factor: int) -> Tensor:
    """An image as channels of latent cells, so that a tile of latents takes its part of it along: (N, 3, H, W) -> (N, 3 f^2, H/f, W/f)."""
    return functional.pixel_unshuffle(image, factor)
