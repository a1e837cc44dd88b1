"""Luma against the published values of BT.601 and MATLAB's rgb2ycbcr."""

import pytest
import torch

from ttpo_cli.imaging.colour import is_grey, luma, without_colour


@pytest.mark.parametrize(
    ("colour", "level"),
    # MATLAB's rgb2ycbcr of uint8: black 16, white 235, and the three primaries.
    [((0, 0, 0), 16), ((1, 1, 1), 235), ((1, 0, 0), 81), ((0, 1, 0), 145), ((0, 0, 1), 41), ((0.5, 0.5, 0.5), 126)],
)
def test_luma_has_the_published_level(colour: tuple[float, float, float], level: int) -> None:
    image = torch.tensor(colour, dtype=torch.float32)[None, :, None, None].expand(1, 3, 2, 2)
    result = luma(image)
    assert result.shape == (1, 1, 2, 2)
    assert (result * 255).round().unique().tolist() == [level]


def test_luma_is_affine_so_its_gradient_is_the_weights() -> None:
    image = torch.rand(1, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    luma(image).sum().backward()
    assert image.grad is not None
    torch.testing.assert_close(image.grad[0, :, 0, 0] * 255, torch.tensor([65.481, 128.553, 24.966], dtype=torch.float64))


def test_an_image_without_colour_is_known_and_made() -> None:
    grey = torch.rand(1, 1, 6, 7, generator=torch.Generator().manual_seed(0)).expand(1, 3, 6, 7).clone()
    assert is_grey(grey)
    rounded = grey.clone()
    rounded[0, 1, 2, 3] += 1 / 255
    assert is_grey(rounded)
    tinted = grey.clone()
    tinted[0, 1, 2, 3] += 2 / 255
    assert not is_grey(tinted) and is_grey(without_colour(tinted))
    assert torch.allclose(without_colour(tinted)[0, 0], tinted[0].mean(dim=0))
