"""`inspect_photo`: known degradations are found with their amounts, clean photos are clean, and odd photos get an answer."""

import time
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from photo_files import encoded
from PIL import Image
from scenes import scene

from ttpo_cli.imaging.photo import with_pixels
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.inspection.inspection import Inspection, inspect_photo, inspect_pixels
from ttpo_cli.training.degradation.bicubic import DegradeOptions, degrade, jpeg

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def degraded(pixels, **options):
    return degrade(pixels, DegradeOptions(scale=1, **options), torch.Generator().manual_seed(0))


def test_a_sharp_scene_is_clean():
    found = inspect_pixels(degraded(scene()))
    assert found.is_clean and not found.degraded and found.degradations == ()
    assert (found.width, found.height, found.megapixels) == (320, 256, 0.08192)
    assert found.jpeg_quality is None and found.jpeg_quality_estimated is None and found.lowest_quality is None


@pytest.mark.parametrize("quality", [10, 30, 50, 75, 90])
def test_the_quality_of_a_compression_is_seen_in_the_pixels(quality):
    found = inspect_pixels(degraded(scene(), jpeg=quality))
    assert found.jpeg_quality_estimated == pytest.approx(quality, abs=2)
    assert ("compressed" in found.degradations) == (quality < 85)


def test_an_older_stronger_compression_is_seen_behind_a_crop_and_a_later_light_one():
    found = inspect_pixels(jpeg(degraded(scene(), jpeg=30)[..., 3:, 5:], 95))
    assert found.jpeg_quality_estimated == pytest.approx(30, abs=8)


@pytest.mark.parametrize("noise", [3.0, 8.0, 20.0])
def test_noise_is_measured(noise):
    found = inspect_pixels(degraded(scene(), noise=noise))
    assert 255 * found.noise_sigma == pytest.approx(noise, rel=0.2)


def test_noise_that_is_the_same_in_all_channels_is_measured_too():
    clean = scene()
    noisy = clean + 10 / 255 * torch.randn(1, 1, *clean.shape[-2:], generator=torch.Generator().manual_seed(0))
    assert 255 * inspect_pixels(noisy.clamp(0, 1)).noise_sigma == pytest.approx(10, rel=0.2)
    grey = clean.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    noisy = grey + 10 / 255 * torch.randn(1, 1, *clean.shape[-2:], generator=torch.Generator().manual_seed(0))
    assert 255 * inspect_pixels(noisy.clamp(0, 1)).noise_sigma == pytest.approx(10, rel=0.2)


def test_noise_before_a_compression_is_measured_as_it_was():
    found = inspect_pixels(degraded(scene(), noise=12, jpeg=75))
    assert 255 * found.noise_sigma == pytest.approx(12, rel=0.3)


@pytest.mark.parametrize("factor", [2.0, 3.0, 4.0])
def test_an_enlarged_photo_has_the_resolution_it_was_enlarged_from(factor):
    sharp = scene()
    enlarged = imresize(imresize(sharp, 1 / factor), size=tuple(sharp.shape[-2:])).clamp(0, 1)
    found = inspect_pixels(degraded(enlarged))
    assert 1 / 1.3 < found.effective_resolution * factor < 1.3
    assert "blurred" in found.degradations


def test_more_blur_is_less_resolution_with_and_without_compression_and_noise():
    for options in ({}, {"noise": 8.0}, {"jpeg": 50}):
        found = [inspect_pixels(degraded(scene(), blur=blur, **options)).effective_resolution for blur in (0.0, 1.2, 2.5)]
        assert found == sorted(found, reverse=True) and found[2] < 0.5 * found[0]


def test_clipped_tones_are_counted():
    pixels = scene()
    pixels[..., :64, :] = 0
    pixels[..., 64:96, :] = 1
    found = inspect_pixels(pixels)
    assert (found.clipped_shadows, found.clipped_highlights) == (0.25, 0.125)


def test_the_file_s_tables_are_read_and_other_pixels_have_none():
    photo = read_photo(SAMPLES / "coffee.jpg")
    assert inspect_photo(photo).jpeg_quality == 30
    assert inspect_photo(with_pixels(photo, photo.pixels)).jpeg_quality is None
    assert inspect_photo(read_photo(SAMPLES / "astronaut.png")).jpeg_quality is None


def test_samples_are_degraded_as_their_recipes_say():
    found = {name: inspect_photo(read_photo(SAMPLES / name)) for name in ("astronaut.png", "chelsea.jpg", "coffee.jpg")}
    assert found["astronaut.png"].is_clean
    assert {inspection.kind for inspection in found.values()} == {"photo"}
    assert found["chelsea.jpg"].jpeg_quality_estimated == 60 and {"compressed", "noisy"} <= set(found["chelsea.jpg"].degradations)
    assert found["coffee.jpg"].jpeg_quality_estimated == 30 and {"compressed", "blurred"} <= set(found["coffee.jpg"].degradations)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 2), (7, 300), (9, 9), (17, 16), (40, 33)])
def test_small_photos_get_an_answer(size):
    for pixels in (torch.rand(1, 3, *size), torch.zeros(1, 3, *size), torch.full((1, 3, *size), 0.5)):
        found = inspect_pixels(pixels)
        values = [getattr(found, field.name) for field in fields(Inspection)]
        assert all(value == value for value in values if isinstance(value, float))
        assert 0 < found.effective_resolution <= 1 and found.noise_sigma >= 0


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_constant_photo_has_no_noise_no_compression_and_no_blur(level):
    found = inspect_pixels(torch.full((1, 3, 128, 128), level))
    assert found.noise_sigma < 0.1 / 255 and found.effective_resolution == 1 and found.jpeg_quality_estimated is None and found.is_clean


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "I;16"])
def test_grey_alpha_and_16_bit_files_are_inspected(mode):
    grey = Image.fromarray((255 * scene()[0, 0]).byte().numpy())
    image = grey.convert("I;16") if mode == "I;16" else grey.convert("RGB").convert(mode)
    found = inspect_photo(read_photo(encoded(image, "PNG")))
    assert (found.width, found.height) == (320, 256) and found.noise_sigma < 3 / 255


def test_a_drawing_is_one_and_a_scene_is_not():
    drawing = (6 * scene(seed=3).mean(dim=1, keepdim=True)).round().expand(-1, 3, -1, -1) / 6
    assert inspect_pixels(drawing).kind == "drawing"
    assert inspect_pixels(scene()).kind == "photo"


def test_a_photo_of_24_megapixels_takes_seconds():
    pixels = scene(500, 750).repeat(1, 1, 8, 8)
    began = time.process_time()
    found = inspect_pixels(pixels)
    assert found.megapixels == 24 and time.process_time() - began < 20


def test_camera_photos_are_clean(shared_data):
    folder = shared_data / "train" / "kodak24"
    found = [inspect_photo(read_photo(folder / f"kodim{number:02}.png")) for number in (2, 8, 14, 20, 23)]
    assert [inspection.degradations for inspection in found] == [()] * 5
    assert {inspection.kind for inspection in found} == {"photo"}
