"""Clipped tones count where every channel is clipped."""

import torch

from ttpo_cli.inspection.content import clipped_shares


def test_a_pixel_is_clipped_where_all_channels_are():
    pixels = torch.tensor([[[0.0, 0.0, 1.0, 1.0]], [[0.0, 0.5, 1.0, 0.9]], [[0.0, 0.0, 1.0, 1.0]]])[None]
    assert clipped_shares(pixels) == (0.25, 0.25)
