"""Diffusion inversion: the ODE followed upward from a clean image, then fresh noise mixed in (TTPO, arXiv 2511.19169, stage I)."""

import torch
from torch import Tensor

from ttpo_cli.diffusion.denoiser import Denoise
from ttpo_cli.diffusion.sampler import integrate
from ttpo_cli.errors import UsageError


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
