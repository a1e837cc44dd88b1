"""Traces of compression: quality and grid are found, and not where there was none."""

import pytest
import torch
from scenes import scene

from ttpo_cli.inspection.jpeg_traces import find_traces
from ttpo_cli.inspection.sampling import crops, luma
from ttpo_cli.training.degradation.bicubic import DegradeOptions, degrade, jpeg


def traces(pixels):
    return find_traces([luma(crop) for crop in crops(pixels)])


@pytest.mark.parametrize("offset", [(0, 0), (3, 5), (7, 1)])
@pytest.mark.parametrize("quality", [20, 60, 92])
def test_the_grid_of_a_cropped_photo_is_found(offset, quality):
    pixels = jpeg(scene(), quality)[..., 8 - offset[0] :, 8 - offset[1] :]
    found = traces(pixels)
    assert found.offset == (offset if all(offset) else (0, 0)) and found.quality == pytest.approx(quality, abs=2)
    assert list(found.steps[:2]) == sorted(found.steps[:2], reverse=True) or found.steps.min() >= 1


def test_noise_blur_and_flat_shades_are_no_compression():
    for options in ({}, {"noise": 6.0}, {"blur": 2.0}):
        assert traces(degrade(scene(), DegradeOptions(scale=1, **options), torch.Generator().manual_seed(0))) is None
    shades = torch.linspace(0.2, 0.8, 256).expand(1, 3, 256, -1)
    assert traces((shades * 255).round() / 255) is None


def test_a_drawing_of_two_tones_is_no_compression():
    assert traces((scene() > 0.5).float() * 0.8 + 0.1) is None


def test_the_coarser_of_two_compressions_counts():
    assert traces(jpeg(jpeg(scene(), 25)[..., 2:, 6:], 95)).quality == pytest.approx(25, abs=8)
    assert traces(jpeg(jpeg(scene(), 25), 95)).quality == pytest.approx(25, abs=8)
