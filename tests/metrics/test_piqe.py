"""PIQE against pyiqa as a second implementation, and its properties."""

import pytest
import torch

from ttpo_cli.imaging.filters import gaussian_blur
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.metrics import natural_scene
from ttpo_cli.metrics.piqe import piqe


def textured(height=64, width=80, seed=0):
    noise = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    return (0.5 + 0.3 * gaussian_blur(noise, 1.0)).clamp(0, 1)


def test_it_equals_pyiqas_on_photos_of_whole_blocks(shared_data):
    """Whole blocks only: pyiqa pads by the remainder of 16, not up to 16 as MATLAB does. In float64: a block at a threshold flips."""
    pyiqa = pytest.importorskip("pyiqa")
    other = pyiqa.create_metric("piqe", device=torch.device("cpu"))
    photos = [shared_data / "iqa" / "niqe" / "baboon.png", *sorted((shared_data / "benchmark" / "Set5_x4").glob("*_HR.png"))]
    for photo in photos:
        image = read_photo(photo).pixels
        image = image[..., : image.shape[-2] // 16 * 16, : image.shape[-1] // 16 * 16]
        assert piqe(image).item() == pytest.approx(float(other(image.double())), abs=1e-2), photo.name


def test_a_batch_scores_as_its_images_do_alone():
    images = torch.cat([textured(seed=0), textured(seed=1) * 0.7])
    assert torch.allclose(piqe(images), torch.cat([piqe(image[None]) for image in images]), rtol=0, atol=1e-9)


def test_strips_change_nothing(monkeypatch):
    image = textured(height=200)
    whole = piqe(image)
    monkeypatch.setattr(natural_scene, "_PIXELS_AT_ONCE", 1)
    assert torch.allclose(piqe(image), whole, rtol=0, atol=1e-9)


def test_an_image_is_mirrored_up_to_whole_blocks():
    image = textured(height=40, width=70)
    rows = torch.cat([image, image.flip(2)[:, :, :8]], dim=2)
    mirrored = torch.cat([rows, rows.flip(3)[..., :10]], dim=3)
    assert torch.equal(piqe(image), piqe(mirrored))


@pytest.mark.parametrize("size", [(1, 1), (1, 17), (5, 3), (16, 16)])
def test_every_size_is_judged(size):
    assert 0 <= piqe(torch.rand(1, 3, *size)).item() <= 100


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_an_image_of_one_colour_has_nothing_to_look_at_and_scores_100(level):
    assert piqe(torch.full((1, 3, 48, 48), level)).item() == 100


def test_brightness_is_stretched_away():
    image = (textured() * 255).round() / 255
    assert piqe(image * 0.5).item() == pytest.approx(piqe(image).item(), abs=1e-6)
