"""A degradation does what its numbers say: identity at nothing, the stated noise, a blur that keeps light, JPEG that loses."""

import pytest
import torch

from ttpo_cli.imaging.resize import imresize
from ttpo_cli.training.degradation.bicubic import DegradeOptions, degrade, jpeg


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def photo(height=48, width=64):
    """Smooth colours on the 8-bit grid, two of them."""
    coarse = torch.rand(2, 3, 4, 5, generator=generator(1)) * 0.6 + 0.2
    return (imresize(coarse, size=(height, width)).clamp(0, 1) * 255).round() / 255


def test_nothing_asked_for_changes_nothing():
    assert torch.equal(degrade(photo(), DegradeOptions(scale=1), generator()), photo())


def test_shrinking_alone_is_matlabs_bicubic_on_the_8_bit_grid():
    low = degrade(photo(50, 67), DegradeOptions(scale=4), generator())
    assert torch.equal(low, (imresize(photo(50, 67)[..., :48, :64], 0.25).clamp(0, 1) * 255).round() / 255)


def test_noise_has_the_stated_deviation_and_follows_its_generator():
    options = DegradeOptions(scale=1, noise=10)
    noisy = degrade(photo(), options, generator(3))
    assert float((noisy - photo()).std() * 255) == pytest.approx(10, rel=0.03)
    assert torch.equal(noisy, degrade(photo(), options, generator(3)))
    assert not torch.equal(noisy, degrade(photo(), options, generator(4)))


def test_less_quality_loses_more_and_each_image_is_compressed_by_itself():
    errors = [float((jpeg(photo(), quality) - photo()).abs().mean()) for quality in (95, 60, 10)]
    assert errors == sorted(errors) and errors[0] < 0.02
    assert torch.equal(jpeg(photo(), 50)[1:], jpeg(photo()[1:], 50))


def test_the_noise_is_compressed_and_not_the_compression_noisy():
    low = degrade(photo(), DegradeOptions(scale=1, noise=20, jpeg=30), generator())
    assert torch.equal(low, jpeg(degrade(photo(), DegradeOptions(scale=1, noise=20), generator()), 30))
