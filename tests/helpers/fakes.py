"""Small real parts in place of large ones: a Gaussian prior that needs no weights, an untrained ranker, and photos of a few pixels."""

from functools import cache

import torch
from analytic_prior import gaussian_prior

from ttpo_cli.backbones.catalog import bicubic
from ttpo_cli.imaging.photo import Metadata, Photo
from ttpo_cli.metrics.metric import Metric
from ttpo_cli.metrics.ranker import Ranker
from ttpo_cli.pipeline import Engine, restore_photo
from ttpo_cli.preference.context import Tools
from ttpo_cli.settings.settings import Settings


def roughness(image):
    """Mean step between neighbours: a metric that needs no weights, higher for more texture."""
    return (image[..., 1:] - image[..., :-1]).abs().mean(dim=(1, 2, 3))


@cache
def tiny_engine():
    torch.manual_seed(0)
    metrics = (
        Metric("roughness", roughness, False, False, 2, None, None, "Apache-2.0", "tests", True),
        Metric("calm", lambda image: -roughness(image).square(), True, False, 2, None, None, "Apache-2.0", "tests", True),
    )
    return Engine((bicubic(None, 1.0),), Tools(gaussian_prior(0.02, 2), metrics, Ranker(width=8).eval()), torch.device("cpu"))


def tiny_photo(height=12, width=16, name="a & b <i>.png", seed=0):
    """Random colours with random texture, which differ by `seed`; values on the 8-bit grid."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 3, 4, generator=generator)
    pixels = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")
    pixels = (pixels + torch.randn(pixels.shape, generator=generator) / 10).clamp(0, 1)
    return Photo((pixels * 255).round() / 255, None, False, 8, "png", Metadata(), f"{seed:064x}", name, ("a note of the file",))


def tiny_result(ttpo=True):
    """What the real pipeline makes of the tiny photo; the same object each time."""
    return _result(ttpo)


@cache
def _result(ttpo):
    photo = tiny_photo()
    return restore_photo(photo, tiny_engine(), Settings(ttpo=ttpo))
