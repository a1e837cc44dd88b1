"""The probability-flow ODE, dx/dsigma = (x - x0_hat) / sigma, by Euler or Heun (EDM, arXiv 2206.00364, Eq. 3 and algorithm 1).

Descending noise levels denoise, ascending ones invert, with the same step function. Each image of a batch may follow levels of its own,
so candidates of different strengths share one network call.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ttpo_cli.diffusion.denoiser import Denoise
from ttpo_cli.errors import unknown_name

# (x0_hat, x, sigma (N,), index of the step) -> (x0_hat, x): where guidance or an observer comes in.
Callback = Callable[[Tensor, Tensor, Tensor, int], tuple[Tensor, Tensor]]

SOLVERS = ("euler", "heun")


@torch.no_grad()
def integrate(
    denoise: Denoise, x: Tensor, sigmas: Tensor, condition: Tensor | None, *, solver: str = "heun", callback: Callback | None = None
) -> Tensor:
    """Follow the ODE from the first noise level to the last, either way.

    x: (N, C, h, w) at the first level. sigmas: (steps + 1,), or (N, steps + 1) for levels of each image's own; all positive, or
    descending with a final 0, which ends on x0_hat itself. `callback` sees x0_hat before each step and returns the (x0_hat, x) to go
    on from. Euler costs one network call a step, Heun two (one for a step to 0). Raises UsageError for an unknown solver.
    """
    if solver not in SOLVERS:
        raise unknown_name("solver", solver, SOLVERS)
    levels = sigmas.expand(x.shape[0], -1).to(x) if sigmas.ndim == 1 else sigmas.to(x)
    for index in range(levels.shape[1] - 1):
        sigma, following = levels[:, index], levels[:, index + 1]
        x0_hat = denoise(x, sigma, condition)
        if callback is not None:
            x0_hat, x = callback(x0_hat, x, sigma, index)
        x = _step(denoise, x, x0_hat, sigma, following, condition, solver)
    return x


def _step(denoise: Denoise, x: Tensor, x0_hat: Tensor, sigma: Tensor, following: Tensor, condition: Tensor | None, solver: str) -> Tensor:
    if bool((following == 0).all()):
        return x0_hat
    level, interval = _spread(sigma), _spread(following - sigma)
    slope = (x - x0_hat) / level
    proposal = x + interval * slope
    if solver == "heun":
        correction = (proposal - denoise(proposal, following, condition)) / _spread(following)
        proposal = x + interval * (slope + correction) / 2
    return proposal


def _spread(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def network_calls(steps: int, solver: str, ends_at_zero: bool = False) -> int:
    """Network calls `integrate` makes for one image over `steps` intervals."""
    return steps if solver == "euler" else 2 * steps - int(ends_at_zero)
