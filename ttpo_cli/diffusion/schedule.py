"""Noise levels: flow time, and the sigma schedule of EDM (Karras et al. 2022, arXiv 2206.00364, Eq. 5)."""

import torch
from torch import Tensor

from ttpo_cli.errors import UsageError


def flow_to_sigma(flow: float) -> float:
    """Flow time s in [0, 1) -> sigma = s / (1 - s) of the variance-exploding form x = x0 + sigma n."""
    if not 0 <= flow < 1:
        raise UsageError(f"a strength is a flow time in [0, 1), got {flow}")
    return flow / (1 - flow)


def sigma_to_flow(sigma: float) -> float:
    """The inverse of `flow_to_sigma`: s = sigma / (1 + sigma)."""
    return sigma / (1 + sigma)


def karras_sigmas(sigma_max: float, sigma_min: float, steps: int, rho: float = 7.0) -> Tensor:
    """Descending noise levels sigma_max ... sigma_min, `steps` intervals, float64 of length steps + 1 (Eq. 5).

    Raises UsageError unless 0 < sigma_min < sigma_max and steps >= 1.
    """
    if not 0 < sigma_min < sigma_max:
        raise UsageError(f"noise levels must satisfy 0 < sigma_min < sigma_max, got {sigma_min} and {sigma_max}")
    if steps < 1:
        raise UsageError(f"at least one denoising step is needed, got {steps}")
    ramp = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    levels = (sigma_max ** (1 / rho) + ramp * (sigma_min ** (1 / rho) - sigma_max ** (1 / rho))) ** rho
    levels[0], levels[-1] = sigma_max, sigma_min
    return levels
