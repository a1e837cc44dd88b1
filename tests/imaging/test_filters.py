"""A filter keeps light and mirrors edges; the two passes of the Gaussian are one filter of two dimensions."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from ttpo_cli.imaging.filters import filtered, gaussian_blur


@pytest.mark.parametrize("sigma", [0.8, 1.5, 4.0])
def test_blur_spreads_a_point_by_its_deviation_and_keeps_its_light(sigma):
    point = torch.zeros(1, 3, 65, 65)
    point[..., 32, 32] = 1
    spread = gaussian_blur(point, sigma)
    assert float(spread[0, 0].sum()) == pytest.approx(1, abs=1e-5)
    offsets = torch.arange(65.0) - 32
    assert float((spread[0, 0].sum(dim=0) * offsets**2).sum()) == pytest.approx(sigma**2, rel=0.08)


def test_blur_reaches_beyond_a_small_image_and_leaves_one_colour_alone():
    flat = torch.full((1, 3, 2, 3), 0.3)
    assert torch.allclose(gaussian_blur(flat, 3.0), flat, atol=1e-6)


def test_filtering_is_scipys_correlation_with_mirrored_edges():
    image, kernel = torch.rand(1, 3, 20, 24), torch.rand(9, 9) / 81
    expected = np.stack([ndimage.correlate(plane, kernel.numpy(), mode="mirror") for plane in image[0].numpy()])
    assert np.allclose(filtered(image, kernel)[0].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("reach", [None, 10])
def test_two_passes_are_the_filter_of_two_dimensions(reach):
    image, point = torch.rand(1, 3, 30, 40, dtype=torch.float64), torch.zeros(1, 1, 31, 31, dtype=torch.float64)
    point[..., 15, 15] = 1
    kernel = gaussian_blur(point, 3.0, reach)[0, 0, 5:-5, 5:-5]
    assert torch.allclose(gaussian_blur(image, 3.0, reach), filtered(image, kernel), atol=1e-12)
    assert (float(kernel[0, 10]) > 0) == (reach == 10)  # three deviations reach nine pixels
