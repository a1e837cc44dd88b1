"""The Haar transform against pywavelets and against its own properties."""

import numpy as np
import pytest
import pywt
import torch

from ttpo_cli.imaging.wavelets import haar_dwt, haar_idwt, low_band


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
