"""Reward-guided denoising in three stages (TTPO, arXiv 2511.19169, Eq. 8-12): a gradient on x0_hat, the network held constant."""

from collections.abc import Callable

import torch
from torch import Tensor

from ttpo_cli.diffusion.frequency import SPLITS, LowPass
from ttpo_cli.diffusion.sampler import Callback
from ttpo_cli.diffusion.schedule import sigma_to_flow
from ttpo_cli.errors import unknown_name
from ttpo_cli.settings.guidance import GuidanceOptions

# The paper's guidance scale g = 1000 acts on means over FLUX's 65,536 latent elements at 512 px. Scaling g by N / 65,536 makes one
# setting mean the same at every size: the pull on an element no longer depends on how many others there are.
PAPER_ELEMENTS = 65_536

# x0_hat (N, C, h, w) -> one loss an image (N,): the preference term L_TTPO.
Preference = Callable[[Tensor], Tensor]


def make_split(options: GuidanceOptions) -> LowPass:
    """The low-pass filter the options name. Raises UsageError for an unknown split."""
    if options.split not in SPLITS:
        raise unknown_name("frequency split", options.split, SPLITS)
    return SPLITS[options.split](options.cutoff)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of (N, C, h, w) over the elements where mask (1, 1, h, w) is 1: (N,). Padding takes no part."""
    return (values * mask).sum(dim=(1, 2, 3)) / (mask.sum() * values.shape[1])


def stage_loss(
    x0_hat: Tensor, restored: Tensor, flow: float, preference: Preference, low: LowPass, mask: Tensor, options: GuidanceOptions
) -> Tensor:
    """L_c of Eq. 8 by flow time: anchor to the restored image, then low band and preference, then preference alone. (N,)."""
    if flow > options.t1:
        return masked_mean((x0_hat - restored).square(), mask)
    loss = options.alpha * preference(x0_hat)
    if flow > options.t2:
        loss = loss + masked_mean((low(x0_hat) - low(restored)).square(), mask)
    return loss


def guide(
    restored: Tensor, preference: Preference, mask: Tensor, options: GuidanceOptions, on_step: Callable[[int], None] | None = None
) -> Callback:
    """The sampler callback that guides: x0_hat and x both move against the gradient of L_c, so the noise estimate stays (Eq. 10).

    restored: (1 or N, C, h, w) latent; mask: (1, 1, h, w), 1 where the photo is, 0 on padding.
    Raises UsageError for an unknown step rule.
    """
    low = make_split(options)
    if options.update not in STEPS:
        raise unknown_name("update rule", options.update, STEPS)
    move = STEPS[options.update]

    def callback(x0_hat: Tensor, x: Tensor, sigma: Tensor, index: int) -> tuple[Tensor, Tensor]:
        flow = sigma_to_flow(float(sigma.max()))
        with torch.enable_grad():
            held = x0_hat.detach().requires_grad_(True)
            loss = stage_loss(held, restored, flow, preference, low, mask, options)
            (gradient,) = torch.autograd.grad(loss.sum(), held)
        shift = move(gradient * mask, sigma, mask, options)
        if on_step is not None:
            on_step(index + 1)
        return x0_hat - shift, x - shift

    return callback


def paper_step(gradient: Tensor, sigma: Tensor, mask: Tensor, options: GuidanceOptions) -> Tensor:
    """g times the gradient of the mean losses, with g scaled to the number of elements (weakness 2 of the public reproduction)."""
    elements = mask.sum() * gradient.shape[1]
    return options.scale * elements / PAPER_ELEMENTS * gradient


def normalised_step(gradient: Tensor, sigma: Tensor, mask: Tensor, options: GuidanceOptions) -> Tensor:
    """A step of RMS `rate` times sigma along the gradient, whatever its size: for rewards whose scale is arbitrary."""
    rms = masked_mean(gradient.square(), mask).sqrt().clamp(min=1e-12)
    return options.rate * (sigma / rms)[:, None, None, None] * gradient


STEPS: dict[str, Callable[[Tensor, Tensor, Tensor, GuidanceOptions], Tensor]] = {"paper": paper_step, "normalised": normalised_step}
