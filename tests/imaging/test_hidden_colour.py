"""Cut-outs: nothing of the colour that transparency hides reaches an edge, on white, on black, and as JPEG."""

import numpy as np
import pytest
import torch
from PIL import Image

from ttpo_cli.cli.app import program
from ttpo_cli.imaging.hidden_colour import fill_hidden

DISC = (250, 220, 200)


def cutout(soft):
    """A disc on transparent black, (64, 64, 4)."""
    y, x = np.mgrid[:64, :64] - 31.5
    alpha = (20.5 - np.hypot(x, y)).clip(0, 1) if soft else (np.hypot(x, y) < 20).astype(float)
    colour = np.where(alpha[..., None] > 0, np.array(DISC), 0)
    return np.dstack([colour, (alpha * 255).round()]).astype(np.uint8)


def test_visible_pixels_stay_and_hidden_ones_take_the_nearest_colour():
    pixels = torch.zeros(1, 3, 33, 47)
    pixels[..., :20] = 0.25
    pixels[..., 30:] = 0.75
    alpha = (pixels[:, :1] > 0).float()
    filled = fill_hidden(pixels, alpha)
    assert torch.equal(filled[..., :20], pixels[..., :20])
    assert torch.equal(filled[..., 30:], pixels[..., 30:])
    torch.testing.assert_close(filled[..., 20], torch.full((1, 3, 33), 0.25), atol=0.08, rtol=0)
    torch.testing.assert_close(filled[..., 29], torch.full((1, 3, 33), 0.75), atol=0.08, rtol=0)
    assert float(filled.min()) >= 0.25 - 1e-6
    assert float(filled.max()) <= 0.75 + 1e-6


def test_one_visible_pixel_gives_its_colour_to_all():
    pixels, alpha = torch.zeros(1, 3, 17, 9), torch.zeros(1, 1, 17, 9)
    pixels[..., 3, 4], alpha[..., 3, 4] = 0.6, 0.01
    torch.testing.assert_close(fill_hidden(pixels, alpha), torch.full((1, 3, 17, 9), 0.6))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_an_image_that_is_nowhere_or_everywhere_visible_stays(value):
    pixels = torch.rand(1, 3, 5, 7)
    assert torch.equal(fill_hidden(pixels, torch.full((1, 1, 5, 7), value)), pixels)


@pytest.mark.parametrize("backbone", ["bicubic", "lfc-sr-small"])
@pytest.mark.parametrize("soft", [False, True])
def test_the_rim_of_a_cut_out_is_its_own_colour(tmp_path, backbone, soft):
    Image.fromarray(cutout(soft)).save(tmp_path / "disc.png")
    for name in ("out.png", "out.jpg"):
        arguments = ["--no-ttpo", "--backbone", backbone, "-o", str(tmp_path / name), "-q"]
        assert program(["restore", str(tmp_path / "disc.png"), *arguments]) == 0
    written = np.array(Image.open(tmp_path / "out.png")).astype(float)
    assert written.shape == (256, 256, 4)
    alpha = written[..., 3:] / 255
    rim = (alpha[..., 0] > 0.02) & (alpha[..., 0] < 0.98)
    assert rim.sum() > 500
    for ground in (255.0, 0.0, np.array(DISC, float)):
        shown, ideal = (colour * alpha + ground * (1 - alpha) for colour in (written[..., :3], np.array(DISC, float)))
        assert np.abs(shown - ideal)[rim].max() < 12
        assert np.abs((shown - ideal)[rim].mean(axis=0)).max() < 3
    jpeg = np.array(Image.open(tmp_path / "out.jpg")).astype(float)
    assert (jpeg[rim] > np.array(DISC) - 12).all()  # nothing between the disc and white is darker than the disc
