"""What `ttpo bench --random-weights` is compared with: the three stages as one writes them with diffusers at first.

One candidate at a time through the steps of image-to-image, two network calls a step for classifier-free guidance, then guided steps
one by one through diffusers' DDIM scheduler. The same models, strengths, numbers of steps and losses as ours.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ttpo_cli.device.stage_timer import clock
from ttpo_cli.diffusion.denoiser import Prior
from ttpo_cli.diffusion.guidance import guide, make_split
from ttpo_cli.diffusion.priors.diffusers_models import ddim_scheduler
from ttpo_cli.diffusion.priors.latent import Parts
from ttpo_cli.diffusion.priors.prompts import Prompt
from ttpo_cli.diffusion.priors.unet_prior import sigma_table, size_ids, timesteps_of
from ttpo_cli.diffusion.schedule import flow_to_sigma
from ttpo_cli.preference.preference_loss import pair_preference
from ttpo_cli.settings.settings import Settings


@dataclass
class Invocations:
    """calls: of the network's forward; images: the sum of their batches."""

    calls: int = 0
    images: int = 0


@contextmanager
def counted(network: Any) -> Iterator[Invocations]:
    """Counts how often a network is called, and on how many images, within a block; of no network (None), nothing."""
    count = Invocations()
    if network is None:
        yield count
        return

    def see(module: Any, arguments: tuple[Any, ...]) -> None:
        count.calls += 1
        count.images += arguments[0].shape[0]

    handle = network.register_forward_pre_hook(see)
    try:
        yield count
    finally:
        handle.remove()


def plain_loop(parts: Parts, prior: Prior, restored: Tensor, settings: Settings) -> dict[str, Any]:
    """Seconds and network calls of candidates and guided denoising of `restored` (1, 3, H, W), one image and one call at a time.

    invocations: of the network's forward; evaluations: images they took, which is equal to ours where the steps are.
    """
    device = restored.device
    predict = _predictor(parts, prior, settings.prior.cfg, device, prior.multiple)
    latent = prior.encode(restored)
    options = settings.candidates
    generator = torch.Generator().manual_seed(settings.seed)
    with counted(parts.network) as first:
        began = clock(device)
        candidates = []
        for strength in options.strengths:
            for _ in range(options.per_strength):
                noise = torch.randn(latent.shape, generator=generator).to(device)
                candidates.append(prior.decode(_image_to_image(parts, predict, latent, noise, strength, options.steps)).clamp(0, 1))
        seconds = {"candidates": clock(device) - began}
    with counted(parts.network) as second:
        began = clock(device)
        noise = torch.randn(latent.shape, generator=generator).to(device)
        prior.decode(_guided(parts, predict, prior, latent, noise, (candidates[0], candidates[-1]), settings))
        seconds["guidance"] = clock(device) - began
    return {
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "invocations": first.calls + second.calls,
        "evaluations": first.images + second.images,
    }


Predict = Callable[[Tensor, int], Tensor]


def _predictor(parts: Parts, prior: Prior, scale: float, device: torch.device, multiple: int) -> Predict:
    """The network's output for x_vp at a timestep: two calls and their extrapolation, or one where scale is 1."""
    network, dtype = parts.network, parts.network.dtype
    prompt, negative = (text if text is None else text.to(device, dtype) for text in parts.prompts)
    factor = multiple // max(2, 2 ** (len(network.config.block_out_channels) - 1))

    def call(x_vp: Tensor, timestep: int, text: Prompt) -> Tensor:
        added = {} if text.pooled is None else {"text_embeds": text.pooled, "time_ids": size_ids(x_vp, factor)}
        return network(x_vp.to(dtype), timestep, encoder_hidden_states=text.tokens, added_cond_kwargs=added).sample.float()

    @torch.no_grad()
    def predict(x_vp: Tensor, timestep: int) -> Tensor:
        assert prompt is not None and negative is not None
        given = call(x_vp, timestep, prompt)
        if scale == 1:
            return given
        dropped = call(x_vp, timestep, negative)
        return dropped + scale * (given - dropped)

    return predict


def _timesteps(parts: Parts, strength: float, steps: int) -> tuple[Any, list[int]]:
    """A scheduler whose last `steps` timesteps begin at about the strength, as image-to-image chooses them, and those timesteps."""
    scheduler = ddim_scheduler(parts.scheduler)
    top = float(timesteps_of(torch.tensor([flow_to_sigma(strength)]), sigma_table(scheduler.alphas_cumprod)))
    scheduler.set_timesteps(min(999, max(steps, round(steps * 1000 / max(top, 1)))))
    return scheduler, [int(timestep) for timestep in scheduler.timesteps[-steps:]]


@torch.no_grad()
def _image_to_image(parts: Parts, predict: Predict, latent: Tensor, noise: Tensor, strength: float, steps: int) -> Tensor:
    scheduler, timesteps = _timesteps(parts, strength, steps)
    x_vp = scheduler.add_noise(latent, noise, torch.tensor([timesteps[0]], device=latent.device))
    for timestep in timesteps:
        x_vp = scheduler.step(predict(x_vp, timestep), timestep, x_vp).prev_sample
    return x_vp


def _guided(
    parts: Parts, predict: Predict, prior: Prior, latent: Tensor, noise: Tensor, pair: tuple[Tensor, Tensor], settings: Settings
) -> Tensor:
    """DDIM steps, each x0_hat and the next x moved by the gradient of the same loss as ours."""
    options = settings.guidance
    scheduler, timesteps = _timesteps(parts, options.strength, options.steps)
    preferred, dispreferred = (prior.encode(image) for image in pair)
    low, mask = make_split(options), torch.ones_like(latent[:1, :1])
    strengths = (options.distance, options.beta, options.repulsion)
    move = guide(latent, pair_preference(preferred, dispreferred, lambda x: x - low(x), mask, *strengths), mask, options)
    x_vp = scheduler.add_noise(latent, noise, torch.tensor([timesteps[0]], device=latent.device))
    for index, timestep in enumerate(timesteps):
        abar = float(scheduler.alphas_cumprod[timestep])
        step = scheduler.step(predict(x_vp, timestep), timestep, x_vp)
        sigma = torch.tensor([((1 - abar) / abar) ** 0.5], device=latent.device)
        x0_hat, _ = move(step.pred_original_sample, step.pred_original_sample, sigma, index)
        x_vp = step.prev_sample + abar**0.5 * (x0_hat - step.pred_original_sample)
    return x_vp
