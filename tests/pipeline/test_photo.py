"""All of a photo: sizes, other restorations among the candidates, and a clean photo that is kept."""

from dataclasses import replace

import pytest
import torch
from fakes import tiny_engine, tiny_photo
from inspected import CLEAN, NOISY, automatic
from torch import nn

from ttpo_cli.backbones.backbone import Backbone
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.pipeline import plan as plan_module
from ttpo_cli.pipeline import restore_photo
from ttpo_cli.pipeline.plan import KEPT, TOO_LARGE
from ttpo_cli.settings.settings import Settings
from ttpo_cli.settings.size import SizeOptions


class Enlarge(nn.Module):
    """A network of one known weight: bicubic x4 times that."""

    def __init__(self, gain=1.0):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(gain), requires_grad=False)

    def forward(self, image):
        return (imresize(image, 4) * self.gain).clamp(0, 1)


def engine(*gains):
    backbones = tuple(Backbone(f"gain {gain:g}", "super-resolution", "test", 4, 3, Enlarge(gain)) for gain in gains)
    return replace(tiny_engine(), backbones=backbones)


@pytest.mark.parametrize(
    ("size", "result"),
    [
        (SizeOptions(), (256, 320)),
        (SizeOptions(scale=1.5), (96, 120)),
        (SizeOptions(scale=1), (64, 80)),
        (SizeOptions(long_edge=200), (160, 200)),
        (SizeOptions(scale=6), (384, 480)),
        (SizeOptions(scale=0.5), (32, 40)),
    ],
)
def test_a_result_has_the_size_that_was_asked_for_with_and_without_the_stages(size, result):
    photo = tiny_photo(64, 80)
    for ttpo in (False, True):
        made = restore_photo(photo, engine(1.0), Settings(size=size, ttpo=ttpo))
        assert tuple(made.outcome.final.shape[-2:]) == result
        assert all(tuple(contender.image.shape[-2:]) == result for contender in made.outcome.contenders)


def test_the_backbones_image_is_resized_with_antialiasing():
    photo = tiny_photo(64, 80)
    made = restore_photo(photo, engine(1.0), Settings(size=SizeOptions(scale=1.5), ttpo=False)).outcome.final
    expected = imresize(imresize(photo.pixels, 4).clamp(0, 1), size=(96, 120)).clamp(0, 1)
    assert torch.equal(made, expected)
    less = restore_photo(photo, engine(1.0), Settings(size=SizeOptions(shrink="0.5"), ttpo=False)).outcome.final
    small = imresize(photo.pixels, size=(32, 40)).clamp(0, 1)
    assert torch.equal(less, imresize(imresize(small, 4).clamp(0, 1), size=(256, 320)).clamp(0, 1))


def test_other_restorations_are_candidates_by_name_and_each_can_be_picked():
    photo = tiny_photo(64, 80)
    made = restore_photo(photo, engine(1.0, 0.98), Settings())
    labels = made.outcome.candidate_labels
    assert labels[:4] == ("restored", "gain 0.98", "gain 1 from 0.75", "gain 0.98 from 0.75")
    assert labels[4].startswith("candidate 1 (strength") and made.outcome.candidate_count == 9
    assert torch.equal(made.outcome.contenders[1].image, (imresize(photo.pixels, 4) * 0.98).clamp(0, 1))
    picked = restore_photo(photo, engine(1.0, 0.98), Settings(pick=(1, 4)))
    assert picked.outcome.chosen in ("gain 0.98", "guided") and picked.outcome.preferred == 1


def test_other_restorations_compete_in_every_region_of_a_large_photo():
    made = restore_photo(tiny_photo(64, 80), engine(1.0, 0.9), Settings(region=128, region_overlap=16))
    assert tuple(made.outcome.final.shape[-2:]) == (256, 320)
    assert "regions chose by itself" in made.outcome.reason


def test_the_guard_refuses_a_restoration_that_contradicts_the_photo():
    made = restore_photo(tiny_photo(64, 80), engine(1.0, 0.5), Settings())
    assert made.outcome.contenders[1].label == "gain 0.5" and made.outcome.contenders[1].verdict.refused is not None


def test_a_clean_photo_at_its_own_size_is_returned_as_it_is_and_the_record_says_so(monkeypatch):
    monkeypatch.setattr(plan_module, "inspect_photo", lambda photo: CLEAN)
    photo = tiny_photo(64, 80)
    made = restore_photo(photo, automatic(), Settings(size=SizeOptions(scale=1)))
    assert torch.equal(made.outcome.final, photo.pixels) and made.outcome.reason == KEPT
    assert made.plan.kept and not made.settings.ttpo and list(made.timings.seconds) == ["restore", "joining"]
    smaller = restore_photo(photo, automatic(), Settings(size=SizeOptions(scale=0.5)))
    assert torch.equal(smaller.outcome.final, imresize(photo.pixels, size=(32, 40)).clamp(0, 1))


def test_what_was_decided_stands_in_the_notes(monkeypatch):
    monkeypatch.setattr("ttpo_cli.imaging.result_size.AFFORDABLE", 0.004)
    monkeypatch.setattr(plan_module, "inspect_photo", lambda photo: replace(NOISY, effective_resolution=0.5))
    notes = restore_photo(tiny_photo(64, 80), automatic(), Settings()).outcome.notes
    assert notes[0].startswith("restored by realesrgan-x4plus-ncnn: noise of 10 grey levels")
    assert notes[1] == "shrunk to 40x32 before it was restored"


def test_a_result_above_the_limit_of_the_stages_is_the_restored_image_and_says_why():
    made = restore_photo(tiny_photo(64, 80), engine(1.0), Settings(stages_megapixels=0.01))
    assert made.outcome.reason == TOO_LARGE and list(made.outcome.rows) == ["restored", "result"] and not made.settings.ttpo
