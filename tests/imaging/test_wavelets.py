"""The Haar transform against pywavelets and against its own properties."""

import numpy as np
import pytest
import pywt
import torch

from ttpo_cli.imaging.wavelets import haar_dwt, haar_idwt, low_band, replace_low_band, smooth_band


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_every_band_equals_pywavelets_haar() -> None:
    image = noise(2, 3, 10, 14)
    bands = haar_dwt(image).numpy()
    low, (horizontal, vertical, diagonal) = pywt.dwt2(image.numpy(), "haar", axes=(-2, -1))
    # pywavelets names a detail by its edges and subtracts the later sample: its vertical detail is left - right.
    for index, expected in enumerate((low, -vertical, -horizontal, diagonal)):
        np.testing.assert_allclose(bands[:, 3 * index : 3 * index + 3], expected, atol=1e-6)


def test_a_step_to_the_right_shows_in_hl_alone_and_a_step_down_in_lh_alone() -> None:
    right = torch.tensor([[0.0, 1.0], [0.0, 1.0]])[None, None]
    down = torch.tensor([[0.0, 0.0], [1.0, 1.0]])[None, None]
    assert haar_dwt(right).flatten().tolist() == [1.0, 1.0, 0.0, 0.0]
    assert haar_dwt(down).flatten().tolist() == [1.0, 0.0, 1.0, 0.0]


def test_the_low_band_is_twice_the_mean_of_each_block() -> None:
    image = noise(1, 3, 6, 8)
    torch.testing.assert_close(low_band(image), 2 * torch.nn.functional.avg_pool2d(image, 2))


def test_the_inverse_gives_the_image_back_and_the_norm_is_kept() -> None:
    image = noise(2, 3, 8, 6)
    torch.testing.assert_close(haar_idwt(haar_dwt(image)), image)
    torch.testing.assert_close(haar_dwt(image).norm(), image.norm())


def test_both_directions_pass_gradcheck() -> None:
    image = noise(1, 2, 4, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(haar_dwt, (image,))
    assert torch.autograd.gradcheck(haar_idwt, (haar_dwt(image).detach().requires_grad_(),))


@pytest.mark.parametrize("size", [(5, 4), (4, 5)])
def test_an_odd_size_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"{size[0]}x{size[1]}"):
        haar_dwt(torch.zeros(1, 3, *size))


def test_a_smooth_band_keeps_constants_and_loses_what_alternates() -> None:
    flat = torch.full((1, 2, 40, 50), 0.3)
    chequered = flat + 0.1 * ((torch.arange(40)[:, None] + torch.arange(50)) % 2 * 2 - 1)
    assert torch.allclose(smooth_band(flat), flat, atol=1e-6)
    assert torch.allclose(smooth_band(chequered), flat, atol=3e-3)  # at the edges, which repeat


def test_a_smooth_band_of_n_levels_is_n_blurs_at_doubling_distances() -> None:
    image = torch.zeros(1, 1, 65, 65)
    image[..., 32, 32] = 1
    taps = np.array([1, 4, 6, 4, 1]) / 16
    spread = np.convolve(taps, np.array([1, 0, 4, 0, 6, 0, 4, 0, 1]) / 16)
    np.testing.assert_allclose(smooth_band(image, 2)[0, 0, 26:39, 26:39].numpy(), np.outer(spread, spread), atol=1e-6)


def test_a_replaced_low_band_has_the_references_tones_and_the_images_texture() -> None:
    reference, texture = noise(1, 3, 8, 8).repeat_interleave(16, -1).repeat_interleave(16, -2), noise(2, 3, 128, 128, seed=1) / 10
    shifted = reference + texture + torch.tensor([0.2, -0.1])[:, None, None, None]
    fixed = replace_low_band(shifted, reference)
    assert torch.allclose(smooth_band(fixed), smooth_band(reference).expand_as(fixed), atol=0.02)
    assert torch.allclose(fixed - smooth_band(fixed), shifted - smooth_band(shifted), atol=0.02)
    assert torch.equal(replace_low_band(reference, reference), reference)
