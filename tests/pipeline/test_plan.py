"""What is decided for one photo: the backbone, the sizes, the other restorations, and what the guard may ask."""

from dataclasses import replace

import pytest
from fakes import tiny_engine, tiny_photo
from inspected import CLEAN, NOISY, automatic, network

from ttpo_cli.backbones.automatic import DRAWINGS, PHOTOS
from ttpo_cli.errors import UsageError
from ttpo_cli.inspection.agreement import ROUNDING
from ttpo_cli.pipeline import plan as plan_module
from ttpo_cli.pipeline.plan import KEPT, engine_for, plan_photo
from ttpo_cli.settings.candidates import CandidateOptions
from ttpo_cli.settings.guard import GuardOptions
from ttpo_cli.settings.settings import Settings
from ttpo_cli.settings.size import SizeOptions


@pytest.fixture
def found(monkeypatch):
    """What the inspection of every photo says; changed by a test, or taken away."""
    state = {"inspection": CLEAN, "calls": 0}

    def inspect(photo):
        state["calls"] += 1
        return state["inspection"]

    monkeypatch.setattr(plan_module, "inspect_photo", inspect)
    return state


@pytest.fixture
def small_ones_are_large(monkeypatch):
    """Photos of a few thousand pixels are treated as those of more than 2 megapixels."""
    monkeypatch.setattr("ttpo_cli.imaging.result_size.AFFORDABLE", 0.004)


def test_a_degraded_photo_is_restored_by_the_photographs_network_and_a_drawing_by_its_own(found):
    found["inspection"] = NOISY
    plan = plan_photo(tiny_photo(64, 80), automatic(), Settings())
    assert (plan.first.backbone.name, plan.sizes.result, plan.sizes.shrink, plan.kept) == (PHOTOS, (256, 320), 1, False)
    assert "noise of 10" in plan.reason
    found["inspection"] = replace(NOISY, kind="drawing")
    assert plan_photo(tiny_photo(64, 80), automatic(), Settings()).first.backbone.name == DRAWINGS


def test_a_clean_photo_that_keeps_its_size_is_kept(found):
    for size in (SizeOptions(scale=1), SizeOptions(scale=0.5), SizeOptions(ceiling=0.02)):
        plan = plan_photo(tiny_photo(64, 80), automatic(), Settings(size=size))
        assert plan.kept and plan.reason == KEPT and plan.first.backbone.name == "none" and not plan.others
        assert not plan.final_settings(Settings(size=size)).ttpo
    assert not plan_photo(tiny_photo(64, 80), automatic(), Settings(size=SizeOptions(scale=2))).kept
    assert not plan_photo(tiny_photo(64, 80), automatic(), Settings(size=SizeOptions(scale=1, shrink="0.5"))).kept
    found["inspection"] = NOISY
    assert not plan_photo(tiny_photo(64, 80), automatic(), Settings(size=SizeOptions(scale=1))).kept


def test_auto_shrinks_a_large_photo_to_its_detail_and_a_named_backbone_sees_the_photo_as_it_is(found, small_ones_are_large):
    found["inspection"] = replace(NOISY, effective_resolution=0.5)
    plan = plan_photo(tiny_photo(64, 80), automatic(), Settings())
    assert plan.sizes.shrunk == (32, 40) and plan.scale == 8 and plan.final_settings(Settings()).size.shrink == "0.5"
    named = replace(tiny_engine(), backbones=(network("mine"),))
    assert plan_photo(tiny_photo(64, 80), named, Settings()).sizes.shrink == 1
    assert plan_photo(tiny_photo(64, 80), named, Settings(size=SizeOptions(shrink="0.5"))).sizes.shrink == 0.5


def test_other_backbones_and_smaller_photos_make_further_candidates(found):
    both = replace(tiny_engine(), backbones=(network("first"), network("second")))
    plan = plan_photo(tiny_photo(64, 80), both, Settings(candidates=CandidateOptions(shrinks=(0.5, 0.25))))
    assert plan.first.label == "first" and plan.backbones == ("first", "second")
    labels = ["second", "first from 0.5", "second from 0.5", "first from 0.25", "second from 0.25"]
    assert [variant.label for variant in plan.others] == labels
    assert not plan_photo(tiny_photo(64, 80), both, Settings(ttpo=False)).others
    small = plan_photo(tiny_photo(20, 20), both, Settings())
    assert [variant.label for variant in small.others] == ["second"]  # 15 pixels are less than a network takes
    assert not plan_photo(tiny_photo(64, 80), tiny_engine(), Settings()).others  # interpolation has nothing to gain from less


def test_shares_that_are_not_between_0_and_1_are_refused(found):
    found["inspection"] = NOISY
    for share in (0.0, 1.0, -0.5, 2.0):
        with pytest.raises(UsageError, match="--candidates-shrinks"):
            plan_photo(tiny_photo(64, 80), automatic(), Settings(candidates=CandidateOptions(shrinks=(share,))))


def test_a_photo_is_inspected_only_where_something_depends_on_it(found):
    plan_photo(tiny_photo(64, 80), tiny_engine(), Settings(ttpo=False))
    plan_photo(tiny_photo(64, 80), tiny_engine(), Settings(guard=GuardOptions(degradation=False)))
    assert found["calls"] == 0
    assert plan_photo(tiny_photo(64, 80), tiny_engine(), Settings()).inspection is CLEAN and found["calls"] == 1


def test_a_clean_photo_has_the_image_of_a_network_that_paints_nothing_over_it_among_its_candidates(found):
    plan = plan_photo(tiny_photo(64, 80), automatic(), Settings())
    assert plan.backbones == (PHOTOS, "lfc-sr-small") and [one.label for one in plan.others] == ["lfc-sr-small"]
    assert not plan_photo(tiny_photo(64, 80), automatic(), Settings(ttpo=False)).others


@pytest.mark.parametrize("inspection", [CLEAN, replace(NOISY, effective_resolution=0.5), replace(CLEAN, kind="drawing")])
def test_a_named_repetition_of_an_automatic_choice_decides_the_same(inspection, found, small_ones_are_large):
    found["inspection"] = inspection
    first = plan_photo(tiny_photo(64, 80), automatic(), Settings())
    again = plan_photo(tiny_photo(64, 80), engine_for(first, automatic()), first.final_settings(Settings()))
    assert (again.sizes, again.first.label, [one.label for one in again.others]) == (
        first.sizes,
        first.first.label,
        [one.label for one in first.others],
    )
    assert again.agreement(Settings()) == first.agreement(Settings())


def test_a_large_result_leaves_the_stages_out_and_a_repetition_does_too(found):
    found["inspection"] = NOISY
    settings = Settings(stages_megapixels=0.08)
    plan = plan_photo(tiny_photo(64, 80), automatic(), settings)  # 256 x 320 are 0.0819 megapixels
    assert plan.too_large and not plan.others and not plan.final_settings(settings).ttpo
    for enough in (0.082, 0.0):
        plan = plan_photo(tiny_photo(64, 80), automatic(), Settings(stages_megapixels=enough))
        assert not plan.too_large and plan.others and plan.final_settings(Settings()).ttpo


def test_the_guard_asks_all_it_can_where_the_degradation_is_not_to_matter(found):
    found["inspection"] = NOISY
    assert plan_photo(tiny_photo(64, 80), tiny_engine(), Settings()).agreement(Settings()) == pytest.approx(28.13, abs=0.01)
    assert plan_photo(tiny_photo(64, 80), tiny_engine(), Settings()).agreement(Settings(guard=GuardOptions(degradation=False))) == ROUNDING
