"""The probability-flow ODE, dx/dsigma = (x - x0_hat) / sigma, by Euler or Heun (EDM, arXiv 2206.00364, Eq. 3 and algorithm 1).

Descending noise levels denoise, ascending ones invert, with the same step function.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ttpo_cli.diffusion.denoiser import Denoise
from ttpo_cli.errors import unknown_name

# x0_hat, x, sigma, index of the step -> (x0_hat, x): where guidance or an observer comes in.
Callback = Callable[[Tensor, Tensor, float, int], tuple[Tensor, Tensor]]

SOLVERS = ("euler", "heun")


def slope(denoise: Denoise, x: Tensor, sigma: float, condition: Tensor | None) -> tuple[Tensor, Tensor]:
    """(dx/dsigma, x0_hat) at a noise level; one network call."""
    x0_hat = denoise(x, x.new_full((x.shape[0],), sigma), condition)
    return (x - x0_hat) / sigma, x0_hat


@torch.no_grad()
def integrate(
    denoise: Denoise, x: Tensor, sigmas: Tensor, condition: Tensor | None, *, solver: str = "heun", callback: Callback | None = None
) -> Tensor:
    """Follow the ODE from sigmas[0] to sigmas[-1], either way.

    x: (N, C, h, w) at noise level sigmas[0]; sigmas: 1-D, all positive, or descending with a final 0, which ends on x0_hat itself.
    `callback` sees x0_hat before each step and returns the (x0_hat, x) to go on from. Euler costs one network call a step,
    Heun two (one for a step to 0). Raises UsageError for an unknown solver.
    """
    if solver not in SOLVERS:
        raise unknown_name("solver", solver, SOLVERS)
    levels = sigmas.tolist()
    for index, (sigma, following) in enumerate(zip(levels[:-1], levels[1:], strict=True)):
        direction, x0_hat = slope(denoise, x, sigma, condition)
        if callback is not None:
            x0_hat, x = callback(x0_hat, x, sigma, index)
            direction = (x - x0_hat) / sigma
        if following == 0:
            x = x0_hat
            continue
        proposal = x + (following - sigma) * direction
        if solver == "heun":
            direction = (direction + slope(denoise, proposal, following, condition)[0]) / 2
            proposal = x + (following - sigma) * direction
        x = proposal
    return x


def network_calls(sigmas: Tensor, solver: str) -> int:
    """Network calls `integrate` makes for one image."""
    steps = len(sigmas) - 1
    return steps if solver == "euler" else 2 * steps - int(float(sigmas[-1]) == 0)
