"""PSNR, SSIM and the high-band ratios: identities, published values, second implementations, gradients."""

import math

import pytest
import torch

from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.metrics.high_band import high_band, high_band_smooth, high_band_textured
from ttpo_cli.metrics.psnr import cropped, psnr, psnr_y
from ttpo_cli.metrics.ssim import ssim_y


def photo_like(seed=0, height=96, width=128):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 6, 8, generator=generator)
    fine = torch.randn(1, 3, height, width, generator=generator) * torch.linspace(0.002, 0.05, width)
    return (imresize(coarse, size=(height, width)) + fine).clamp(0, 1)


def test_psnr_of_one_level_of_difference_is_that_of_the_formula():
    image = torch.full((1, 3, 8, 8), 100 / 255)
    assert psnr(image, image + 1 / 255).item() == pytest.approx(20 * math.log10(255), abs=1e-4)
    # One level of RGB is 219 / 255 of a level of studio-swing Y.
    assert psnr_y(image, image + 1 / 255).item() == pytest.approx(20 * math.log10(255 * 255 / 219), abs=1e-4)


def test_psnr_of_equal_images_is_infinite():
    image = photo_like()
    assert psnr(image, image).item() == math.inf and psnr_y(image, image).item() == math.inf


def test_psnr_rounds_to_8_bit_unless_told_not_to():
    image = torch.full((1, 3, 8, 8), 100 / 255)
    assert psnr(image, image + 0.4 / 255).item() == math.inf
    assert psnr(image, image + 0.4 / 255, eight_bit=False).item() == pytest.approx(20 * math.log10(255 / 0.4), abs=1e-3)


def test_psnr_leaves_out_the_border_and_no_more():
    image, spoilt = photo_like(), photo_like()
    spoilt[..., :4, :] = 0
    spoilt[..., -4:] = 0
    assert psnr_y(spoilt, image, border=4).item() == math.inf
    assert psnr_y(spoilt, image, border=3).item() < 40
    with pytest.raises(ValueError, match="border of 48 px"):
        cropped(image, 48)


@pytest.mark.parametrize("function", [psnr, psnr_y])
def test_a_large_image_is_compared_in_strips_to_the_same_number(function, monkeypatch):
    image, reference = torch.rand(2, 3, 50, 40), torch.rand(2, 3, 50, 40)
    whole = function(image, reference, border=2)
    monkeypatch.setattr("ttpo_cli.metrics.psnr._AT_ONCE", 3 * 36 * 7)
    assert torch.allclose(function(image, reference, border=2), whole, rtol=1e-12, atol=0)


def test_bicubic_enlargement_of_set5_has_its_published_psnr(shared_data):
    values = []
    for path in sorted((shared_data / "benchmark" / "Set5_x4").glob("*_HR.png")):
        lq = read_photo(path.with_name(path.name.replace("_HR", "_LR"))).pixels
        values.append(psnr_y(imresize(lq, 4), read_photo(path).pixels, border=4).item())
    assert sum(values) / len(values) == pytest.approx(28.43, abs=0.005)


def test_ssim_is_1_for_equal_images_symmetric_and_below_1_elsewhere():
    first, second = photo_like(0), (photo_like(0) + 0.05 * torch.randn(1, 3, 96, 128)).clamp(0, 1)
    assert ssim_y(first, first).item() == pytest.approx(1, abs=1e-9)
    assert ssim_y(first, second).item() == pytest.approx(ssim_y(second, first).item(), abs=1e-9)
    assert 0 < ssim_y(first, second).item() < 1


def test_ssim_equals_scikit_images():
    metrics = pytest.importorskip("skimage.metrics")
    from ttpo_cli.imaging.colour import luma
    from ttpo_cli.metrics.psnr import on_8_bit_grid

    first, second = photo_like(0), (photo_like(0) + 0.05 * torch.randn(1, 3, 96, 128)).clamp(0, 1)
    x, y = (luma(on_8_bit_grid(image).double())[0, 0].numpy() for image in (first, second))
    full = metrics.structural_similarity(x, y, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True)[1]
    assert ssim_y(first, second).item() == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-5)


@pytest.mark.parametrize("ratio", [high_band, high_band_smooth, high_band_textured])
def test_high_band_energy_is_1_for_the_reference_and_grows_with_the_square_of_contrast(ratio):
    image = photo_like()
    assert ratio(image, image).item() == pytest.approx(1)
    half = 0.5 + (image - 0.5) / 2
    assert ratio(half, image).item() == pytest.approx(0.25, rel=1e-4)


def test_grain_in_the_smooth_half_shows_there_and_not_in_the_textured_half():
    image = photo_like()  # rows of windows grow in texture from left to right
    grainy = image.clone()
    grainy[..., :64] += 0.05 * torch.randn(1, 3, 96, 64, generator=torch.Generator().manual_seed(1))
    assert high_band_smooth(grainy, image).item() > 3
    assert high_band_textured(grainy, image).item() == pytest.approx(1, abs=0.05)


def test_blur_lowers_the_textured_half():
    image = photo_like()
    blurred = imresize(imresize(image, 0.5), size=(96, 128))
    assert high_band_textured(blurred, image).item() < 0.5


def test_metrics_that_say_so_are_differentiable():
    image, reference = photo_like().double()[..., :64, :64], photo_like(1).double()[..., :64, :64]
    for function in (high_band, high_band_smooth, lambda first, second: psnr_y(first, second, eight_bit=False)):
        moving = image.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(function(moving, reference).sum(), moving)
        assert torch.isfinite(gradient).all() and gradient.abs().sum() > 0
