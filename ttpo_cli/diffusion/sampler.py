"""The probability-flow ODE, dx/dsigma = (x - x0_hat) / sigma, by Euler or Heun (EDM, arXiv 2206.00364, Eq. 3 and algorithm 1).

Descending noise levels denoise, ascending ones invert, with the same step function. Each image of a batch may follow levels of its own,
so candidates of different strengths share one network call.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ttpo_cli.diffusion.denoiser import Denoise
from ttpo_cli.errors import UsageError, unknown_name

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


def invert(denoise: Denoise, x0: Tensor, sigmas: Tensor, condition: Tensor | None, *, solver: str = "heun") -> Tensor:
    """The x at noise level sigmas[0] from which the ODE leads back to x0 at sigmas[-1] (sigmas descending, as for denoising)."""
    return integrate(denoise, x0, sigmas.flip(-1), condition, solver=solver)


def mix_noise(inverted: Tensor, x0: Tensor, sigma: float | Tensor, noise: Tensor, eta: float) -> Tensor:
    """Mix fresh noise into an inverted latent: n' = sqrt(1 - eta^2) n_inv + eta n, x = x0 + sigma n'.

    inverted, x0, noise: (N, C, h, w); eta in [0, 1]: 0 keeps the inversion, 1 is SDEdit's x0 + sigma n. Raises UsageError outside.
    """
    if not 0 <= eta <= 1:
        raise UsageError(f"eta must lie in [0, 1], got {eta}")
    inverse_noise = (inverted - x0) / sigma
    return x0 + sigma * ((1 - eta**2) ** 0.5 * inverse_noise + eta * noise)


def seeded_noise(shape: torch.Size | tuple[int, ...], seeds: list[int], device: torch.device) -> Tensor:
    """Standard normal noise, image i drawn from seeds[i] alone on the CPU: the same on every device and in any batch."""
    drawn = [torch.randn(tuple(shape[1:]), generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.stack(drawn).to(device)
