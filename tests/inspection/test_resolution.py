"""Effective resolution: it follows blur, whatever noise or a light compression adds."""

import pytest
import torch
from scenes import scene

from ttpo_cli.inspection.jpeg_traces import find_traces
from ttpo_cli.inspection.resolution import effective_resolution
from ttpo_cli.inspection.sampling import crops, luma
from ttpo_cli.training.degradation.bicubic import DegradeOptions, degrade


def resolution(**options):
    pixels = degrade(scene(), DegradeOptions(scale=1, **options), torch.Generator().manual_seed(0))
    planes = [luma(crop) for crop in crops(pixels)]
    return effective_resolution(planes, find_traces(planes), options.get("noise", 0.0) / 255)


@pytest.mark.parametrize("blur", [1.0, 1.5, 2.5])
@pytest.mark.parametrize("options", [{}, {"noise": 4.0}])
def test_a_gaussian_blur_is_an_enlargement(blur, options):
    assert 1 / 1.3 < resolution(blur=blur, **options) * blur / 0.49 < 1.3


def test_noise_is_no_detail():
    assert resolution(blur=2.5, noise=10) < 0.4
