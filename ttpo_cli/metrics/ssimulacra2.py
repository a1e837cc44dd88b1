"""SSIMULACRA 2 (Sneyers, Cloudinary 2022-2023): structure, added edges and lost edges in XYB at six scales, fitted to human opinions."""

import io

import torch
from PIL import Image
from torch import Tensor

from ttpo_cli.metrics.metric import Metric

# Below this the sixth scale has fewer than 8 px, and a shorter list of scales meets weights that were fitted to others.
MINIMUM = 225


def ssimulacra2_metric() -> Metric:
    """The metric, scored by the package `ssimulacra2` on the CPU."""
    return Metric(
        name="ssimulacra2",
        function=ssimulacra2,
        lower_is_better=False,
        needs_reference=True,
        minimum_size=MINIMUM,
        pristine=None,
        scale=None,
        licence="BSD-3-Clause",
        source="SSIMULACRA 2.1 by the package ssimulacra2",
        differentiable=False,
        range=(None, 100),
    )


def ssimulacra2(image: Tensor, reference: Tensor) -> Tensor:
    """Scores (N,) of (N, 3, H, W) sRGB in [0, 1], rounded to 8 bit: 100 where equal, about 70 high quality, below 0 very poor."""
    from ssimulacra2 import compute_ssimulacra2

    pairs = zip(image.detach().cpu(), reference.detach().cpu(), strict=True)
    return torch.tensor([compute_ssimulacra2(_png(true), _png(one)) for one, true in pairs], dtype=torch.float64)


def _png(image: Tensor) -> io.BytesIO:
    """(3, H, W) as a PNG in memory, since the package reads files."""
    stream = io.BytesIO()
    pixels = (255 * image.clamp(0, 1)).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    stream.seek(0)
    return stream
