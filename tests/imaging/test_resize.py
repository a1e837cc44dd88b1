"""imresize against the low-resolution files that MATLAB made for the SR benchmarks, and against its own properties."""

from pathlib import Path

import pytest
import torch

from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.resize import imresize, shrink_as_benchmarks


@pytest.mark.parametrize("stem", ["Set5_x4/img_001", "Set5_x4/img_003", "Set5_x4/img_005", "Set14_x4/img_005", "Set14_x4/img_012"])
def test_a_quarter_of_the_benchmark_photo_is_the_file_that_matlab_made(shared_data: Path, stem: str) -> None:
    hq = read_photo(shared_data / "benchmark" / f"{stem}_SRF_4_HR.png").pixels.double()
    lq = read_photo(shared_data / "benchmark" / f"{stem}_SRF_4_LR.png").pixels.double()
    made = shrink_as_benchmarks(hq, 4)
    difference = 255 * (made - lq).abs()
    assert made.shape == lq.shape
    assert difference.max() < 1.01  # a tie rounded the other way
    assert (difference > 0.5).double().mean() < 1e-3  # in few places


def test_edges_are_mirrored() -> None:
    image = torch.rand(1, 1, 12, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    mirrored = torch.cat([image.flip(-1), image, image.flip(-1)], dim=-1)
    torch.testing.assert_close(imresize(mirrored, scale=0.5)[..., 8:16], imresize(image, scale=0.5))


@pytest.mark.parametrize("scale", [0.25, 1 / 3, 0.7, 2, 4])
def test_a_constant_stays_constant_and_the_size_is_the_ceiling(scale: float) -> None:
    result = imresize(torch.full((1, 3, 13, 10), 0.37, dtype=torch.float64), scale=scale)
    assert result.shape[-2:] == (int(-(-13 * scale // 1)), int(-(-10 * scale // 1)))
    torch.testing.assert_close(result, torch.full_like(result, 0.37))


def test_a_ramp_stays_a_ramp_away_from_the_edges() -> None:
    ramp = torch.arange(32, dtype=torch.float64).expand(1, 1, 8, 32)
    doubled = imresize(ramp, scale=2)[0, 0, 8, 8:-8]
    torch.testing.assert_close(doubled, (torch.arange(64, dtype=torch.float64)[8:-8] + 0.5) / 2 - 0.5)


def test_turning_the_image_turns_the_result() -> None:
    image = torch.rand(1, 2, 12, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for turn in (lambda x: x.flip(-1), lambda x: x.flip(-2), lambda x: x.transpose(-1, -2)):
        torch.testing.assert_close(imresize(turn(image), scale=0.5), turn(imresize(image, scale=0.5)))


def test_size_and_scale_agree_where_both_say_the_same_and_one_of_them_is_required() -> None:
    image = torch.rand(1, 3, 12, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(imresize(image, size=(6, 4)), imresize(image, scale=0.5))
    torch.testing.assert_close(imresize(image, size=(12, 8)), image)
    for wrong in ({}, {"scale": 2.0, "size": (3, 3)}):
        with pytest.raises(ValueError, match="either"):
            imresize(image, **wrong)


def test_a_single_pixel_grows() -> None:
    torch.testing.assert_close(imresize(torch.full((1, 3, 1, 1), 0.2), scale=4), torch.full((1, 3, 4, 4), 0.2))


def test_resizing_passes_gradcheck() -> None:
    image = torch.rand(1, 1, 5, 4, dtype=torch.float64, requires_grad=True, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(lambda x: imresize(x, scale=0.5), (image,))
    assert torch.autograd.gradcheck(lambda x: imresize(x, size=(7, 9)), (image,))
