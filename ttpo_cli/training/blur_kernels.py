"""The blur kernels of real-world degradation: Gaussians round, long, peaked or flat, and sinc (Real-ESRGAN, Wang et al., ICCVW 2021)."""

import math
from collections.abc import Callable

import torch
from scipy.special import j1
from torch import Tensor

Profile = Callable[[Tensor, float], Tensor]

# Value at squared Mahalanobis distance d: the Gaussian, its generalisation of shape beta, and the plateau of the same.
PROFILES: dict[str, Profile] = {
    "gaussian": lambda d, beta: torch.exp(-0.5 * d),
    "generalised": lambda d, beta: torch.exp(-0.5 * d**beta),
    "plateau": lambda d, beta: 1 / (1 + d**beta),
}


def blur_kernel(size: int, sigma_x: float, sigma_y: float, angle: float, profile: str = "gaussian", beta: float = 1.0) -> Tensor:
    """(size, size), size odd, summing to 1: deviations in pixels along two axes turned by `angle` radians."""
    offsets = torch.arange(size, dtype=torch.float64) - size // 2
    rows, columns = torch.meshgrid(offsets, offsets, indexing="ij")
    along = math.cos(angle) * columns + math.sin(angle) * rows
    across = math.cos(angle) * rows - math.sin(angle) * columns
    values = PROFILES[profile]((along / sigma_x) ** 2 + (across / sigma_y) ** 2, beta)
    return (values / values.sum()).float()


def sinc_kernel(size: int, cutoff: float) -> Tensor:
    """(size, size), size odd, summing to 1: the circular low-pass of `cutoff` radians a pixel (pi: none), which rings at edges."""
    offsets = torch.arange(size, dtype=torch.float64) - size // 2
    radius = (offsets[:, None] ** 2 + offsets[None] ** 2).sqrt()
    safe = radius.clamp(min=1e-9)
    values = cutoff * torch.from_numpy(j1((cutoff * safe).numpy())) / (2 * math.pi * safe)
    values = torch.where(radius == 0, cutoff**2 / (4 * math.pi), values)
    return (values / values.sum()).float()
