"""MATLAB's bicubic imresize with antialiasing, as a differentiable tensor function (Keys 1981; the LR maker of SR benchmarks)."""

import math

import torch
from torch import Tensor
from torch.nn import functional


def imresize(image: Tensor, scale: float | None = None, size: tuple[int, int] | None = None) -> Tensor:
    """Resize by bicubic interpolation, antialiased when shrinking, edges mirrored: MATLAB's `imresize(..., 'bicubic')`.

    image: (N, C, H, W), any range, any float dtype. Give `scale` (both axes; output ceil(H * scale)) or `size` (height, width).
    Differentiable in `image`. The result is not clamped: bicubic overshoots. Raises ValueError if not exactly one is given.
    """
    if (scale is None) == (size is None):
        raise ValueError("give either scale or size")
    height, width = image.shape[-2:]
    if scale is not None:
        target = (math.ceil(height * scale), math.ceil(width * scale))
        factors = (scale, scale)
    else:
        assert size is not None
        target, factors = size, (size[0] / height, size[1] / width)
    order = ((2, factors[0], target[0]), (3, factors[1], target[1]))
    for dim, factor, length in sorted(order, key=lambda entry: entry[1]):
        image = _resize_axis(image, dim, factor, length)
    return image


def middle(image: Tensor, side: int) -> Tensor:
    """The square of `side` pixels in the middle of (N, C, H, W), or what the image has of it."""
    top, left = max(0, (image.shape[-2] - side) // 2), max(0, (image.shape[-1] - side) // 2)
    return image[..., top : top + side, left : left + side].contiguous()


def shrink_as_benchmarks(image: Tensor, scale: int) -> Tensor:
    """The low-resolution partner of (N, 3, H, W) in [0, 1] as super-resolution benchmarks have it, on the 8-bit grid, sides cut to
    multiples of `scale` first.

    MATLAB rounds to 8 bits between the axes too, and the release that made Set5's and Set14's files repeated edge pixels.
    """
    height, width = (side // scale * scale for side in image.shape[-2:])
    edged = functional.pad(image[..., :height, :width], [4 * scale] * 4, mode="replicate")
    for size in ((height // scale + 8, edged.shape[-1]), (height // scale + 8, width // scale + 8)):
        edged = (imresize(edged, size=size).clamp(0, 1) * 255).round() / 255
    return edged[..., 4:-4, 4:-4]


def _cubic(distance: Tensor) -> Tensor:
    """Keys' kernel with a = -0.5."""
    x = distance.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x <= 2, far, torch.zeros_like(x)))


def _resize_axis(image: Tensor, dim: int, factor: float, length: int) -> Tensor:
    """Resample one axis: every output is a weighted sum of the inputs under the (stretched) kernel."""
    size = image.shape[dim]
    if factor == 1 and length == size:
        return image
    stretch = min(factor, 1.0)
    taps = math.ceil(4 / stretch) + 2
    centre = (torch.arange(1, length + 1, dtype=torch.float64) / factor) + 0.5 * (1 - 1 / factor)
    first = torch.floor(centre - 2 / stretch)
    positions = first[:, None] + torch.arange(taps, dtype=torch.float64)[None]
    weights = _cubic((centre[:, None] - positions) * stretch)
    weights = weights / weights.sum(dim=1, keepdim=True)
    mirrored = (positions.long() - 1) % (2 * size)
    indices = torch.where(mirrored < size, mirrored, 2 * size - 1 - mirrored).to(image.device)
    weights = weights.to(image)
    moved = image.movedim(dim, -1)
    result = torch.zeros(*moved.shape[:-1], length, dtype=image.dtype, device=image.device)
    for tap in range(taps):
        if bool((weights[:, tap] != 0).any()):
            result = result + moved[..., indices[:, tap]] * weights[:, tap]
    return result.movedim(-1, dim)
