"""Crops: a small photo is covered, a large one sampled, corners stay on the grid."""

import numpy as np
import pytest
import torch

from ttpo_cli.inspection.sampling import CROPS, LUMA, crops, luma


def test_a_small_photo_is_covered_whole():
    pixels = torch.rand(1, 3, 300, 500)
    covered = sum(crop.size for crop in crops(pixels))
    assert covered >= pixels.numel()
    assert np.array_equal(crops(torch.ones(1, 3, 5, 7))[0], np.ones((3, 5, 7), np.float32))


@pytest.mark.parametrize("size", [(4000, 6000), (100, 50000), (30000, 300)])
def test_a_large_photo_is_sampled_on_the_grid_of_8_pixels(size):
    rows = torch.arange(size[0], dtype=torch.float32)[:, None].expand(size)
    columns = torch.arange(size[1], dtype=torch.float32).expand(size)
    found = crops(torch.stack([rows, columns, rows])[None])
    assert 1 < len(found) <= CROPS
    assert all(crop[0, 0, 0] % 8 == 0 and crop[1, 0, 0] % 8 == 0 for crop in found)
    assert max(crop[0].max() for crop in found) > 0.9 * size[0] - 8 and max(crop[1].max() for crop in found) > 0.9 * size[1] - 8


def test_luma_of_grey_is_its_level():
    assert LUMA.sum() == pytest.approx(1)
    assert luma(np.full((3, 2, 2), 0.5, np.float32)) == pytest.approx(127.5)
