"""Pristine levels: medians over photos, spread over degraded ones."""

import pytest
import torch
from fakes import tiny_photo

from ttpo_cli.errors import UsageError
from ttpo_cli.imaging.writing import write_photo
from ttpo_cli.metrics.metric import Metric, describe
from ttpo_cli.metrics.pristine import centre_crop, pristine_level


def brightness(minimum=1, needs_reference=False):
    def mean(image):
        return image.mean(dim=(1, 2, 3))

    return Metric("brightness", mean, False, needs_reference, minimum, None, None, "Apache-2.0", "tests", True)


@pytest.fixture
def photos(tmp_path):
    paths = [tmp_path / f"{seed}.png" for seed in range(3)]
    for seed, path in enumerate(paths):
        write_photo(path, tiny_photo(24, 32, seed=seed))
    return paths


def test_the_level_is_the_median_over_centre_crops(photos):
    level = pristine_level(brightness(), photos, crop=8)
    values = [centre_crop(tiny_photo(24, 32, seed=seed).pixels, 8).mean().item() for seed in range(3)]
    assert level.pristine == pytest.approx(sorted(values)[1], abs=1e-6)
    assert level.scale is not None and level.scale > 0


def test_photos_too_small_are_left_out_and_none_left_is_an_error(photos):
    write_photo(photos[0], tiny_photo(24, 64), overwrite=True)
    with pytest.raises(UsageError, match="none of 3 photos has the 25 px"):
        pristine_level(brightness(minimum=25), photos)


def test_a_comparison_has_no_level(photos):
    with pytest.raises(UsageError, match="only no-reference"):
        pristine_level(brightness(needs_reference=True), photos)


def test_a_crop_keeps_the_middle_and_all_of_a_shorter_axis():
    image = torch.arange(5 * 9.0).view(1, 1, 5, 9)
    assert torch.equal(centre_crop(image, 7), image[..., 1:8])
    assert torch.equal(centre_crop(image, 20), image)


def test_a_metric_describes_everything_but_its_function():
    facts = describe(brightness())
    assert facts["name"] == "brightness" and "function" not in facts and "pristine" in facts
