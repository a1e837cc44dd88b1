from dataclasses import replace
from typing import Any

import pytest
import torch
from analytic_prior import smooth_image

from ttpo_cli.errors import UsageError
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.preference import guard as guard_module
from ttpo_cli.preference.guard import Guard, Verdict, agreement, consistency, keep_low_band, low_band_factor, smooth_regions
from ttpo_cli.settings.guard import GuardOptions

RESTORED = smooth_image(96, 96)
LQ = imresize(RESTORED, 0.25).clamp(0, 1)
OPTIONS = GuardOptions()


def judge(image: torch.Tensor, restored: torch.Tensor, lq: torch.Tensor, options: GuardOptions) -> Verdict:
    return Guard(restored, lq, options).judge(image)


def _grain(amount: float) -> torch.Tensor:
    return (RESTORED + amount * torch.randn(RESTORED.shape, generator=torch.Generator().manual_seed(3))).clamp(0, 1)


def test_agreement_is_ten_log_of_the_mean_squared_error() -> None:
    assert float(agreement(torch.full((1, 3, 4, 4), 0.5), torch.full((1, 3, 4, 4), 0.6))) == pytest.approx(20, abs=1e-3)
    assert float(agreement(RESTORED, RESTORED)) == 100


def test_the_restored_image_itself_passes() -> None:
    assert judge(RESTORED, RESTORED, LQ, OPTIONS).refused is None


def test_a_shift_of_colour_is_put_back_where_the_input_could_show_it() -> None:
    shifted = RESTORED + 0.1
    mended = keep_low_band(shifted, RESTORED, 4, OPTIONS)
    assert torch.allclose(mended, RESTORED, atol=1e-3)
    half = keep_low_band(shifted, RESTORED, 4, replace(OPTIONS, low_band=0.5, rounds=1))
    assert torch.allclose(half, RESTORED + 0.05, atol=1e-3)


def test_more_rounds_agree_better_with_the_input() -> None:
    strayed = RESTORED + 0.05 * torch.randn(RESTORED.shape, generator=torch.Generator().manual_seed(8))
    once, thrice = (float(consistency(keep_low_band(strayed, RESTORED, 4, replace(OPTIONS, rounds=rounds)), LQ)) for rounds in (1, 3))
    assert thrice > once + 3


def test_new_detail_above_the_inputs_resolution_survives_the_mending() -> None:
    checks = 0.05 * torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(48, 48)
    mended = keep_low_band(RESTORED + checks, RESTORED, 4, OPTIONS)
    assert torch.allclose(mended, RESTORED + checks, atol=2e-3)


def test_mending_raises_the_agreement_with_the_input() -> None:
    coarse = imresize(torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(1)), size=(96, 96)) * 0.1
    strayed = RESTORED + coarse
    before, after = (float(consistency(image, LQ)) for image in (strayed, keep_low_band(strayed, RESTORED, 4, OPTIONS)))
    assert after > before + 6


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (RESTORED * 0.5, "strays"),
        ((RESTORED + 0.03).clamp(0, 1), "contradicts"),
        (_grain(0.04), "grain"),
    ],
)
def test_what_betrays_the_photo_is_refused_with_its_reason(image: torch.Tensor, why: str) -> None:
    options = replace(OPTIONS, consistency_margin=60.0) if why == "grain" else OPTIONS
    assert why in str(judge(image, RESTORED, LQ, options).refused)
    assert judge(image, RESTORED, LQ, replace(options, enabled=False)).refused is None


@pytest.mark.parametrize(("knob", "image"), [("fidelity", _grain(0.01)), ("grain", _grain(0.02)), ("consistency_margin", _grain(0.02))])
def test_each_limit_is_read(knob: str, image: torch.Tensor) -> None:
    lenient = GuardOptions(fidelity=0.0, grain=1e9, consistency_margin=1e9)
    strict = {"fidelity": 99.0, "grain": 1.0, "consistency_margin": 0.0}[knob]
    assert judge(image, RESTORED, LQ, lenient).refused is None
    assert judge(image, RESTORED, LQ, replace(lenient, **{knob: strict})).refused is not None


def test_grain_is_measured_where_the_restored_image_is_smooth() -> None:
    textured = RESTORED.clone()
    textured[..., 48:] += 0.1 * torch.randn(1, 1, 96, 48, generator=torch.Generator().manual_seed(5))
    assert float(smooth_regions(RESTORED).ratio(textured.clamp(0, 1))) == pytest.approx(1, abs=0.2)
    assert float(smooth_regions(RESTORED).ratio(_grain(0.02))) > 2


def test_the_size_of_the_low_band_is_read() -> None:
    strayed = RESTORED + 0.05 * torch.randn(RESTORED.shape, generator=torch.Generator().manual_seed(6))
    narrow, wide = (keep_low_band(strayed, RESTORED, 4, replace(OPTIONS, band=band)) for band in (0.1, 0.5))
    assert float(agreement(wide, RESTORED)) > float(agreement(narrow, RESTORED)) + 0.5


def test_a_photo_of_one_pixel_is_judged_without_error() -> None:
    pixel = torch.full((1, 3, 1, 1), 0.5)
    assert judge(keep_low_band(pixel, pixel, 1, OPTIONS), pixel, pixel, OPTIONS).refused is None


def test_a_share_outside_zero_to_one_is_refused() -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        keep_low_band(RESTORED, RESTORED, 4, replace(OPTIONS, low_band=1.5))


def test_agreement_beyond_the_rounding_of_files_is_not_asked_for() -> None:
    """RESTORED shrinks to LQ exactly, at more than 60 dB: a result at 54 dB has lost nothing a file could hold."""
    assert float(consistency(RESTORED, LQ)) > 60
    near, far = ((RESTORED + shift / 255).clamp(0, 1) for shift in (0.5, 1.0))
    assert 52 < float(consistency(near, LQ)) < 56
    assert judge(near, RESTORED, LQ, OPTIONS).refused is None
    assert "contradicts" in str(judge(far, RESTORED, LQ, OPTIONS).refused)


@pytest.mark.parametrize(("shift", "refused"), [(0.0628, False), (0.0634, True)])
def test_the_least_fidelity_is_24_db_and_no_less(shift: float, refused: bool) -> None:
    grey = torch.full((1, 3, 32, 32), 0.4)
    options = replace(OPTIONS, consistency_margin=60.0)
    assert (judge(grey + shift, grey, grey[..., ::4, ::4], options).refused is not None) is refused


def test_only_the_smoothest_third_counts_as_smooth() -> None:
    """Half the image gains grain: the half that was textured, and then the one that was not."""
    generator = torch.Generator().manual_seed(2)
    half = torch.full((1, 3, 96, 96), 0.5)
    half[..., 40:] += 0.05 * torch.randn(1, 3, 96, 56, generator=generator)
    grain = 0.03 * torch.randn(1, 3, 96, 96, generator=generator)
    on_texture, on_smooth = grain.clone(), grain.clone()
    on_texture[..., :40] = 0
    on_smooth[..., 40:] = 0
    assert float(smooth_regions(half).ratio(half + on_texture)) == pytest.approx(1, abs=0.1)
    assert float(smooth_regions(half).ratio(half + on_smooth)) > 10


def test_a_task_without_a_scale_keeps_a_quarter_of_the_resolution() -> None:
    assert [low_band_factor(scale, OPTIONS) for scale in (1, 2, 4)] == [0.25, 0.5, 0.25]
    assert low_band_factor(4, replace(OPTIONS, band=0.1)) == 0.1


def test_the_restored_image_is_measured_once_however_many_results_are_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []

    def counted(measure: Any) -> Any:
        def wrapped(image: torch.Tensor, *rest: Any, **named: Any) -> torch.Tensor:
            seen.append(image)
            return measure(image, *rest, **named)

        return wrapped

    monkeypatch.setattr(guard_module, "local_energy", counted(guard_module.local_energy))
    monkeypatch.setattr(guard_module, "consistency", counted(consistency))
    guard = Guard(RESTORED, LQ, OPTIONS)
    images = [(RESTORED + shift / 255).clamp(0, 1) for shift in (0.25, 0.5, 1.0)]
    verdicts = [guard.judge(image) for image in images]
    assert sum(image is RESTORED for image in seen) == 2  # its energy and its consistency, once each
    assert [sum(other is image for other in seen) for image in images] == [2, 2, 2]
    assert verdicts == [judge(image, RESTORED, LQ, OPTIONS) for image in images]


def test_no_more_agreement_is_asked_for_than_the_scene_itself_has_with_a_degraded_input() -> None:
    """The restored image repeats the input's noise; a result without it agrees as the scene does, and is kept at that bound alone."""
    noise = 0.06 * torch.randn(LQ.shape, generator=torch.Generator().manual_seed(11))
    noisy = (LQ + noise).clamp(0, 1)
    repeating = imresize(noisy, size=(96, 96)).clamp(0, 1)
    assert float(consistency(repeating, noisy)) > float(consistency(RESTORED, noisy)) + 6
    expected = float(consistency(RESTORED, noisy))
    lenient = replace(OPTIONS, grain=1e9, fidelity=0.0)
    assert "contradicts" in str(Guard(repeating, noisy, lenient).judge(RESTORED).refused)
    assert Guard(repeating, noisy, lenient, expected).judge(RESTORED).refused is None
    assert "contradicts" in str(Guard(repeating, noisy, lenient, expected).judge(RESTORED * 0.8).refused)


def test_a_clean_input_is_to_be_agreed_with_to_the_rounding_of_files_whatever_is_expected() -> None:
    assert Guard(RESTORED, LQ, OPTIONS, 99.0).least_consistency == Guard(RESTORED, LQ, OPTIONS).least_consistency == 49.0
