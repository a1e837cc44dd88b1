"""Second-order real-world degradation: blur, resize, noise and JPEG twice, with sinc ringing (Real-ESRGAN, Wang et al., ICCVW 2021)."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from scipy.special import j1
from torch import Tensor
from torch.nn import functional

from ttpo_cli.errors import UsageError
from ttpo_cli.imaging.filters import filtered
from ttpo_cli.training.degradation.bicubic import jpeg

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


_RESIZES = ("area", "bilinear", "bicubic")

# (profile, whether the two deviations differ, probability)
_KERNELS = (
    ("gaussian", False, 0.45),
    ("gaussian", True, 0.25),
    ("generalised", False, 0.12),
    ("generalised", True, 0.03),
    ("plateau", False, 0.12),
    ("plateau", True, 0.03),
)


@dataclass(frozen=True)
class Order:
    """One of the two rounds; pairs are ends of a uniform draw. resize: probabilities of enlarging, shrinking and neither."""

    blur: float
    sigma: tuple[float, float]
    resize: tuple[float, float, float]
    factor: tuple[float, float]
    noise: tuple[float, float]
    poisson: tuple[float, float]


FIRST = Order(blur=1.0, sigma=(0.2, 3.0), resize=(0.2, 0.7, 0.1), factor=(0.15, 1.5), noise=(1, 30), poisson=(0.05, 3.0))

SECOND = Order(blur=0.8, sigma=(0.2, 1.5), resize=(0.3, 0.4, 0.3), factor=(0.3, 1.2), noise=(1, 25), poisson=(0.05, 2.5))

SINC, FINAL_SINC, GREY_NOISE, QUALITY = 0.1, 0.8, 0.4, (30, 95)


@dataclass(frozen=True)
class Severity:
    """How strong a second-order degradation is. quality: the least of its JPEGs."""

    first: Order = FIRST
    second: Order = SECOND
    quality: int = QUALITY[0]


def severity(strength: float) -> Severity:
    """The published ranges at 1; at less, each reaches that share of the way from what changes least. Raises UsageError outside (0, 1]."""
    if not 0 < strength <= 1:
        raise UsageError(f"a second-order degradation of strength {strength:g}: choose a number above 0, at most 1")
    if strength == 1:
        return Severity()
    quality = round(QUALITY[1] + (QUALITY[0] - QUALITY[1]) * strength)
    return Severity(first=_milder(FIRST, strength), second=_milder(SECOND, strength), quality=quality)


def _milder(order: Order, strength: float) -> Order:
    def reduced(ends: tuple[float, float]) -> tuple[float, float]:
        return ends[0], ends[0] + (ends[1] - ends[0]) * strength

    low, high = order.factor
    factor = (1 - (1 - low) * strength, 1 + (high - 1) * strength)
    return replace(order, sigma=reduced(order.sigma), factor=factor, noise=reduced(order.noise), poisson=reduced(order.poisson))


def degrade_twice(hq: Tensor, scale: int, generator: torch.Generator, strength: float = 1.0) -> Tensor:
    """(1, 3, H, W) in [0, 1] -> (1, 3, H // scale, W // scale) on the 8-bit grid, degraded at random: all draws are from `generator`."""
    size, severe = (hq.shape[-2] // scale, hq.shape[-1] // scale), severity(strength)
    image = jpeg(_once(hq, severe.first, generator).clamp(0, 1), _quality(severe, generator))
    image = _once(image, severe.second, generator, size)
    ringing = sinc_kernel(_odd(generator), _between(math.pi / 3, math.pi, generator)) if _draw(generator) < FINAL_SINC else None
    if _draw(generator) < 0.5:
        image = jpeg(_finished(image, size, ringing, generator).clamp(0, 1), _quality(severe, generator))
    else:
        image = _finished(jpeg(image.clamp(0, 1), _quality(severe, generator)), size, ringing, generator)
    return (image.clamp(0, 1) * 255).round() / 255


def _once(image: Tensor, order: Order, generator: torch.Generator, base: tuple[int, int] | None = None) -> Tensor:
    """Blur, resize to a random multiple of `base` (the image's own size if None), add noise."""
    if _draw(generator) < order.blur:
        image = filtered(image, _kernel(order, generator))
    height, width = base or (image.shape[-2], image.shape[-1])
    factor = _factor(order, generator)
    image = _resized(image, (max(1, round(height * factor)), max(1, round(width * factor))), generator)
    return _noisy(image, order, generator)


def _kernel(order: Order, generator: torch.Generator) -> Tensor:
    size = _odd(generator)
    if _draw(generator) < SINC:
        return sinc_kernel(size, _between(math.pi / 3 if size < 13 else math.pi / 5, math.pi, generator))
    choice = int(torch.multinomial(torch.tensor([share for _, _, share in _KERNELS]), 1, generator=generator))
    profile, long, _ = _KERNELS[choice]
    first = _between(*order.sigma, generator)
    second = _between(*order.sigma, generator) if long else first
    low, high = (0.5, 4.0) if profile == "generalised" else (1.0, 2.0)
    beta = _between(low, 1.0, generator) if _draw(generator) < 0.5 else _between(1.0, high, generator)
    return blur_kernel(size, first, second, _between(-math.pi, math.pi, generator), profile, beta)


def _factor(order: Order, generator: torch.Generator) -> float:
    way = int(torch.multinomial(torch.tensor(order.resize), 1, generator=generator))
    low, high = order.factor
    return (_between(1.0, high, generator), _between(low, 1.0, generator), 1.0)[way]


def _resized(image: Tensor, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    mode = _RESIZES[int(torch.randint(len(_RESIZES), (1,), generator=generator))]
    return functional.interpolate(image, size=size, mode=mode)


def _noisy(image: Tensor, order: Order, generator: torch.Generator) -> Tensor:
    """Gaussian noise (deviation of 255), or shot noise: the difference between an image and its Poisson draw, scaled."""
    channels = 1 if _draw(generator) < GREY_NOISE else 3
    if _draw(generator) < 0.5:
        deviation = _between(*order.noise, generator) / 255
        return image + deviation * torch.randn(1, channels, *image.shape[-2:], generator=generator).to(image)
    scale = _between(*order.poisson, generator)
    clean = (image.clamp(0, 1) * 255).round() / 255
    seen = clean if channels == 3 else clean.mean(dim=1, keepdim=True)
    levels = 2.0 ** math.ceil(math.log2(max(2, len(seen.unique()))))
    return image + scale * (torch.poisson((seen * levels).cpu(), generator=generator).to(image) / levels - seen)


def _finished(image: Tensor, size: tuple[int, int], ringing: Tensor | None, generator: torch.Generator) -> Tensor:
    image = _resized(image, size, generator)
    return image if ringing is None else filtered(image, ringing)


def _odd(generator: torch.Generator) -> int:
    """A kernel size of 7, 9, ... 21."""
    return 7 + 2 * int(torch.randint(8, (1,), generator=generator))


def _quality(severe: Severity, generator: torch.Generator) -> int:
    return int(torch.randint(severe.quality, QUALITY[1] + 1, (1,), generator=generator))


def _draw(generator: torch.Generator) -> float:
    return float(torch.rand(1, generator=generator))


def _between(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * _draw(generator)
