"""Versions of one crop for the ranker to order: truth, restored, prior candidates, and synthetic faults of many kinds and levels."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from ttpo_cli.imaging.filters import gaussian_blur
from ttpo_cli.imaging.wavelets import haar_dwt, haar_idwt
from ttpo_cli.training.degradation.bicubic import jpeg

Fault = Callable[[Tensor, float, torch.Generator], Tensor]


def blur(image: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """Gaussian blur of deviation 0.4 to 2.4 pixels."""
    return gaussian_blur(image, 0.4 + 2 * level)


def white_grain(image: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """Independent noise of deviation 1.5 to 15 of 255, the same in all channels half of the time."""
    return image + (1.5 + 13.5 * level) / 255 * _noise(image, generator)


def soft_grain(image: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """Noise of a grain size of about two pixels: what a prior leaves in smooth regions."""
    noise = gaussian_blur(_noise(image, generator), 0.8)
    return image + (2 + 14 * level) / 255 * noise / noise.std().clamp(min=1e-6)


def weave(image: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """A canvas pattern: two crossed gratings of a period of 2 to 8 pixels, amplitude 1 to 8 of 255."""
    height, width = image.shape[-2:]
    draws = torch.rand(4, generator=generator)
    period, angle = 2 + 6 * float(draws[0]), torch.pi * float(draws[1])
    rows, columns = torch.arange(height, dtype=torch.float32)[:, None], torch.arange(width, dtype=torch.float32)[None]
    turned = rows * torch.cos(torch.tensor(angle)) + columns * torch.sin(torch.tensor(angle))
    across = columns * torch.cos(torch.tensor(angle)) - rows * torch.sin(torch.tensor(angle))
    pattern = torch.sin(2 * torch.pi / period * turned + 6 * draws[2]) + torch.sin(2 * torch.pi / period * across + 6 * draws[3])
    return image + (1 + 7 * level) / 255 * pattern


def compress(image: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """JPEG of quality 85 down to 15."""
    return jpeg(image.clamp(0, 1), int(85 - 70 * level))


def sharpen(image: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """Unsharp masking by 0.5 to 3 times: halos and hard edges without new detail."""
    return image + (0.5 + 2.5 * level) * (image - gaussian_blur(image, 1.2))


def loud_bands(image: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """The finest Haar bands 1.25 to 3 times as loud."""
    return _scaled_bands(image, 1.25 + 1.75 * level)


def faint_bands(image: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """The finest Haar bands at 0.85 down to 0.1 of their amplitude."""
    return _scaled_bands(image, 0.85 - 0.75 * level)


def blocks(image: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """Shrunk by 2 and enlarged without interpolation, mixed in by 0.3 to 1."""
    small = functional.avg_pool2d(image, 2)
    share = 0.3 + 0.7 * level
    return (1 - share) * image + share * functional.interpolate(small, scale_factor=2, mode="nearest")


# The last kind is never trained on: it shows how the ranker fares on a degradation it has not seen.
FAULTS: dict[str, Fault] = {
    "blur": blur,
    "white grain": white_grain,
    "soft grain": soft_grain,
    "weave": weave,
    "jpeg": compress,
    "sharpen": sharpen,
    "loud bands": loud_bands,
    "faint bands": faint_bands,
    "blocks": blocks,
}
HELD_BACK_FAULT = "blocks"


def draw_fault(image: Tensor, names: list[str], generator: torch.Generator) -> Tensor:
    """One fault of a random kind and level on (1, 3, H, W), clamped to [0, 1]."""
    name = names[int(torch.randint(len(names), (1,), generator=generator))]
    level = float(torch.rand(1, generator=generator))
    return FAULTS[name](image, level, generator).clamp(0, 1)


def _noise(image: Tensor, generator: torch.Generator) -> Tensor:
    channels = 1 if float(torch.rand(1, generator=generator)) < 0.5 else 3
    return torch.randn(image.shape[0], channels, *image.shape[-2:], generator=generator).expand_as(image)


def _scaled_bands(image: Tensor, factor: float) -> Tensor:
    bands = haar_dwt(image)
    return haar_idwt(torch.cat((bands[:, :3], factor * bands[:, 3:]), dim=1))
