"""Blocks and their transform: orthonormal, and at the place they are asked for."""

import numpy as np
import pytest
from scipy.fft import dctn

from ttpo_cli.inspection.blocks import all_blocks, dct_basis, unclipped


def test_the_basis_is_the_orthonormal_cosine_transform():
    block = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    assert (block.reshape(1, 64) @ dct_basis())[0] == pytest.approx(dctn(block, norm="ortho").ravel(), abs=1e-5)


def test_blocks_begin_at_the_offset():
    plane = np.arange(20 * 30, dtype=np.float32).reshape(20, 30)
    blocks = all_blocks([plane], (3, 5))
    assert blocks.shape == (2 * 3, 64) and np.array_equal(blocks[0].reshape(8, 8), plane[3:11, 5:13])


def test_clipped_blocks_are_left_out_unless_hardly_any_is_left():
    blocks = np.full((30, 64), 100.0)
    blocks[3, 5] = 255
    assert len(unclipped(blocks)) == 29 and len(unclipped(np.zeros((30, 64)))) == 30
