"""Clipped tones count where every channel is clipped."""

import numpy as np
import torch
from scenes import scene

from ttpo_cli.inspection.content import clipped_shares, is_drawing
from ttpo_cli.inspection.sampling import luma


def test_a_pixel_is_clipped_where_all_channels_are():
    pixels = torch.tensor([[[0.0, 0.0, 1.0, 1.0]], [[0.0, 0.5, 1.0, 0.9]], [[0.0, 0.0, 1.0, 1.0]]])[None]
    assert clipped_shares(pixels) == (0.25, 0.25)


def test_black_lines_on_white_are_a_drawing_and_a_photo_s_black_ground_is_not():
    lines = np.full((128, 128), 255.0)
    lines[::16, :] = lines[:, ::16] = 0
    assert is_drawing([lines])
    photo = luma(scene()[0].numpy()) + np.random.default_rng(0).normal(0, 2, (256, 320))
    photo[:100] = 0
    assert not is_drawing([photo])
