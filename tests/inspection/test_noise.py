"""Noise: white noise on nothing is measured exactly, and tiny photos by their finest band."""

import numpy as np
import pytest

from ttpo_cli.inspection.noise import noise_sigma


@pytest.mark.parametrize("sigma", [2.0, 10.0, 30.0])
@pytest.mark.parametrize("side", [10, 24, 128])
def test_white_noise_has_its_deviation(sigma, side):
    drawn = np.random.default_rng(0).normal(128, sigma, (3, side, side)) / 255
    bound = {10: 0.4, 24: 0.15, 128: 0.05}[side]
    assert 255 * noise_sigma([drawn.astype(np.float32)]) == pytest.approx(sigma, rel=bound)


def test_a_photo_of_one_pixel_has_none():
    assert noise_sigma([np.full((3, 1, 1), 0.3, np.float32)]) == 0
