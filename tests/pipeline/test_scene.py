"""What a prior that sees the photo is given: the restored image, the photo enlarged, and its degradation, in one piece and in regions."""

from dataclasses import replace

import pytest
import torch
from fakes import tiny_engine, tiny_photo
from inspected import NOISY

from ttpo_cli.diffusion.priors.embedded import UNetSize, degradation_numbers, haar_prior
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.inspection.agreement import expected_agreement
from ttpo_cli.pipeline import plan as plan_module
from ttpo_cli.pipeline import restore_photo
from ttpo_cli.settings.guard import GuardOptions
from ttpo_cli.settings.settings import Settings

FOUND = replace(NOISY, effective_resolution=0.5)


@pytest.fixture
def seeing(monkeypatch):
    """An engine whose prior sees the photo, and the conditions its network was given."""
    monkeypatch.setattr(plan_module, "inspect_photo", lambda photo: FOUND)
    given = []

    def denoise(x, sigma, condition):
        given.append(condition)
        return tiny_engine().tools.prior.denoise(x, sigma, condition[:, :3])

    prior = haar_prior("seeing", denoise, UNetSize((16, 16), 1, 8, transforms=2, sees_photo=True))
    return replace(tiny_engine(), tools=replace(tiny_engine().tools, prior=prior)), given


def test_the_condition_holds_the_restored_image_the_enlarged_photo_and_its_degradation(seeing):
    engine, given = seeing
    photo = tiny_photo(18, 22)  # x4: 72 x 88, multiples of the 8 pixels that this prior takes
    made = restore_photo(photo, engine, Settings(guard=GuardOptions(degradation=False)))
    condition = given[0][:1]
    restored = made.outcome.contenders[0].image
    assert condition.shape == (1, 8, 72, 88)
    assert torch.allclose(condition[:, :3], restored * 2 - 1, atol=1e-5)
    assert torch.allclose(condition[:, 3:6], imresize(photo.pixels, size=(72, 88)).clamp(0, 1) * 2 - 1, atol=1e-5)
    numbers = degradation_numbers(expected_agreement(FOUND, 1.0), 0.5 / 4)
    assert condition[0, 6:, 0, 0].tolist() == pytest.approx(numbers) and bool((condition[:, 6:] == condition[:, 6:, :1, :1]).all())


def test_each_region_is_shown_its_own_part_of_the_photo(seeing):
    engine, given = seeing
    photo = tiny_photo(72, 80)
    made = restore_photo(photo, engine, Settings(region=160, region_overlap=40))
    whole = imresize(photo.pixels, size=(288, 320)).clamp(0, 1) * 2 - 1
    first = given[0][:1]
    assert first.shape[-2:] == (160, 160)
    assert torch.allclose(first[:, 3:6], whole[..., :160, :160], atol=1e-5)
    assert torch.isfinite(made.outcome.final).all()


def test_a_prior_that_sees_the_restored_image_alone_is_given_no_more():
    made = restore_photo(tiny_photo(18, 22), tiny_engine(), Settings())
    assert torch.isfinite(made.outcome.final).all() and not tiny_engine().tools.prior.sees_photo
