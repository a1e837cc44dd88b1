"""A diffusion prior whose every quantity is known in closed form: data N(centre, deviation^2), the centre being the condition."""

import torch
from torch import Tensor

from ttpo_cli.diffusion.denoiser import Denoise, Prior


def gaussian_denoiser(deviation: float) -> Denoise:
    """The exact posterior mean for x0 ~ N(condition, deviation^2): the ODE then scales (x - centre) by sqrt(deviation^2 + sigma^2)."""

    def denoise(x: Tensor, sigma: Tensor, condition: Tensor | None) -> Tensor:
        centre = torch.zeros_like(x) if condition is None else condition
        variance = sigma[:, None, None, None] ** 2
        return centre + deviation**2 / (deviation**2 + variance) * (x - centre)

    return denoise


def exact_ode(x: Tensor, centre: Tensor, deviation: float, start: float, end: float) -> Tensor:
    """Where the ODE leads from noise level `start` to `end`."""
    return centre + (x - centre) * ((deviation**2 + end**2) / (deviation**2 + start**2)) ** 0.5


def gaussian_prior(deviation: float = 0.2, multiple: int = 8) -> Prior:
    """The analytic prior over images in [-1, 1]."""
    denoise = gaussian_denoiser(deviation)
    return Prior("gaussian", denoise, lambda image: image * 2 - 1, lambda signed: (signed + 1) / 2, multiple, "f" * 64, "Apache-2.0")


def smooth_image(height: int = 48, width: int = 64) -> Tensor:
    """A colour gradient with a textured right half, (1, 3, H, W)."""
    rows = torch.linspace(0.2, 0.7, height)[:, None].expand(height, width)
    columns = torch.linspace(0.3, 0.6, width)[None].expand(height, width)
    image = torch.stack((rows, columns, (rows + columns) / 2))[None].clone()
    texture = torch.randn(1, 1, height, width // 2, generator=torch.Generator().manual_seed(7)) * 0.05
    image[..., width // 2 :][..., : width // 2] += texture
    return image.clamp(0, 1)
