"""One stochastic DDIM step in variance-exploding form (Song et al. 2021, arXiv 2010.02502, Eq. 12 and 16; EDM, algorithm 2).

In DDIM's own form, x_vp = sqrt(abar) x with abar = 1 / (1 + sigma^2), the step from level t to level s draws
    N(sqrt(abar_s) x0_hat + sqrt(1 - abar_s - d^2) eps, d^2),   d = eta sqrt((1 - abar_s) / (1 - abar_t)) sqrt(1 - abar_t / abar_s).
Divided by sqrt(abar_s), with eps = (x - x0_hat) / sigma_t, nothing of abar remains:
    N(x0_hat + sqrt(sigma_s^2 - d^2) eps, d^2),                  d = eta sigma_s sqrt(sigma_t^2 - sigma_s^2) / sigma_t.
At eta = 1 the mean is x0_hat + (sigma_s / sigma_t)^2 (x - x0_hat), and the step is q(x_s | x_t, x0_hat) itself; at eta = 0 it is Euler's.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ttpo_cli.diffusion.denoiser import Denoise

# The number of a step -> standard normal noise for it, of x's shape.
Noise = Callable[[int], Tensor]
# What is reported of a step: its number, x before it, its mean, x after it.
Observer = Callable[[int, Tensor, Tensor, Tensor], None]


def deviation(sigmas: Tensor, eta: float = 1.0) -> Tensor:
    """d of each step between consecutive descending levels: (steps + 1,) -> (steps,)."""
    level, following = sigmas[:-1], sigmas[1:]
    return eta * following * (level**2 - following**2).sqrt() / level


def step_mean(x: Tensor, x0_hat: Tensor, sigma: float, following: float, spread: float) -> Tensor:
    """The mean of a step from level sigma to a lower one that draws with deviation `spread`. (N, C, h, w) all."""
    return x0_hat + max(0.0, following**2 - spread**2) ** 0.5 / sigma * (x - x0_hat)


def mean_log_prob(x: Tensor, mean: Tensor, deviation: float) -> Tensor:
    """log N(x; mean, deviation^2), the mean over an image's elements: (N, C, h, w) twice -> (N,)."""
    standard = ((x - mean) / deviation).square().mean(dim=(1, 2, 3))
    return -0.5 * standard - math.log(deviation) - 0.5 * math.log(2 * math.pi)


@torch.no_grad()
def ancestral(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    condition: Tensor | None,
    noise: Noise,
    *,
    eta: float = 1.0,
    observe: Observer | None = None,
) -> Tensor:
    """Draw from the prior: x (N, C, h, w) at sigmas[0], down to sigmas[-1] > 0, then x0_hat of that. sigmas: descending, float64.

    Costs one network call a step and one for the end.
    """
    levels, spreads = sigmas.tolist(), deviation(sigmas, eta).tolist()
    for number, spread in enumerate(spreads):
        x0_hat = denoise(x, x.new_full((len(x),), levels[number]), condition)
        mean = step_mean(x, x0_hat, levels[number], levels[number + 1], spread)
        after = mean + spread * noise(number)
        if observe is not None:
            observe(number, x, mean, after)
        x = after
    return denoise(x, x.new_full((len(x),), levels[-1]), condition)
