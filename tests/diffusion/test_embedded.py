from pathlib import Path
from typing import Literal

import pytest
import torch

from ttpo_cli.diffusion.priors import embedded
from ttpo_cli.diffusion.priors.catalog import Located, load_prior
from ttpo_cli.diffusion.priors.embedded import (
    HaarDenoiser,
    UNetSize,
    degradation_numbers,
    join_condition,
    load_denoiser,
    load_haar_prior,
    precondition,
    prior_metadata,
)
from ttpo_cli.errors import WeightsError
from ttpo_cli.report.provenance import settings_of
from ttpo_cli.settings.prior import PriorOptions
from ttpo_cli.weights.checkpoint import save_checkpoint

SIZE = UNetSize((16, 16), 1, 8)


@pytest.fixture
def denoiser() -> HaarDenoiser:
    torch.manual_seed(0)
    return HaarDenoiser(SIZE, torch.stack((torch.full((12,), 0.5), torch.full((12,), 0.1)))).eval()


def test_preconditioning_is_edm_table_1() -> None:
    c_skip, c_out, c_in = precondition(torch.tensor([0.5]), torch.tensor([[0.5]]))
    assert float(c_skip) == pytest.approx(0.5)
    assert float(c_out) == pytest.approx(0.5 * 0.5 / 0.5**0.5)
    assert float(c_in) == pytest.approx(1 / 0.5**0.5)


def test_the_preconditioned_input_and_target_have_unit_variance() -> None:
    torch.manual_seed(0)
    sigma, deviation = torch.tensor([0.3]), torch.tensor([[0.1]])
    x0 = 0.1 * torch.randn(200_000)
    x = x0 + 0.3 * torch.randn(200_000)
    c_skip, c_out, c_in = (float(value) for value in precondition(sigma, deviation))
    assert float((c_in * x).std()) == pytest.approx(1, abs=0.01)
    assert float(((x0 - c_skip * x) / c_out).std()) == pytest.approx(1, abs=0.01)


def test_without_noise_the_denoiser_returns_its_input(denoiser: HaarDenoiser) -> None:
    x, condition = torch.rand(2, 3, 16, 16) * 2 - 1, torch.rand(2, 3, 16, 16) * 2 - 1
    with torch.no_grad():
        assert torch.allclose(denoiser(x, torch.full((2,), 1e-6), condition), x, atol=1e-4)


def test_at_large_noise_the_estimate_stays_near_the_condition(denoiser: HaarDenoiser) -> None:
    condition = torch.rand(1, 3, 16, 16) * 2 - 1
    noisy = condition + 50 * torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        x0_hat = denoiser(noisy, torch.tensor([50.0]), condition)
    assert float((x0_hat - condition).std()) < 0.5


def test_dropping_the_condition_by_flag_equals_giving_none(denoiser: HaarDenoiser) -> None:
    x, condition = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    sigma = torch.tensor([0.1, 0.3])
    with torch.no_grad():
        dropped = denoiser(x, sigma, condition, torch.tensor([0.0, 1.0]))
        assert torch.allclose(dropped[:1], denoiser(x[:1], sigma[:1], None), atol=1e-5)
        assert torch.allclose(dropped[1:], denoiser(x[1:], sigma[1:], condition[1:]), atol=1e-5)
        assert not torch.allclose(dropped[:1], denoiser(x[:1], sigma[:1], condition[:1]), atol=1e-3)


def test_a_saved_prior_loads_to_the_same_function(denoiser: HaarDenoiser, tmp_path: Path) -> None:
    path = tmp_path / "prior.safetensors"
    save_checkpoint(path, denoiser.state_dict(), prior_metadata(denoiser))
    prior = load_haar_prior(path, torch.device("cpu"), "fp32")
    x, condition, sigma = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16), torch.tensor([0.2])
    with torch.no_grad():
        assert torch.allclose(prior.denoise(x, sigma, condition), denoiser(x, sigma, condition), atol=1e-5)
    assert prior.multiple == denoiser.multiple == 4
    assert torch.allclose(prior.decode(prior.encode(x)), x, atol=1e-6)


def test_classifier_free_guidance_extrapolates_from_the_dropped_condition(denoiser: HaarDenoiser, tmp_path: Path) -> None:
    path = tmp_path / "prior.safetensors"
    save_checkpoint(path, denoiser.state_dict(), prior_metadata(denoiser))
    x, condition, sigma = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16), torch.tensor([0.2])
    plain, guided = (load_haar_prior(path, torch.device("cpu"), "fp32", scale).denoise(x, sigma, condition) for scale in (1.0, 2.0))
    dropped = load_haar_prior(path, torch.device("cpu"), "fp32").denoise(x, sigma, None)
    assert torch.allclose(guided, 2 * plain - dropped, atol=1e-5)


def test_a_checkpoint_of_another_kind_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "other.safetensors", {"weight": torch.zeros(1)}, {"ttpo": "ranker"})
    with pytest.raises(WeightsError, match="not a diffusion prior"):
        load_denoiser(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    ("precision", "autocast", "has", "used"),
    [
        ("auto", "auto", True, True),
        ("auto", "auto", False, False),
        ("auto", "bf16", False, True),
        ("fp32", "bf16", True, False),
        ("bf16", "auto", False, True),
    ],
)
def test_bf16_is_used_where_the_processor_has_it_or_where_it_was_asked_for(
    precision: str,
    autocast: Literal["auto", "bf16"],
    has: bool,
    used: bool,
    denoiser: HaarDenoiser,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "prior.safetensors"
    save_checkpoint(path, denoiser.state_dict(), prior_metadata(denoiser))
    seen: list[bool] = []
    monkeypatch.setattr(embedded, "has_bfloat16", lambda device: has)
    monkeypatch.setattr(embedded, "haar_denoise", lambda network, device, cast, scale: seen.append(cast))
    load_prior(Located(path, None), torch.device("cpu"), precision, PriorOptions(autocast=autocast))
    assert seen == [used]


def test_records_from_before_repeat_in_bf16_everywhere() -> None:
    assert settings_of({"settings": {}}).prior.autocast == "bf16"


SECOND = UNetSize((16, 16), 1, 8, transforms=2, sees_photo=True)


@pytest.fixture
def second() -> HaarDenoiser:
    torch.manual_seed(0)
    return HaarDenoiser(SECOND, torch.stack((torch.full((48,), 0.5), torch.full((48,), 0.1)))).eval()


def pictures(*seeds: int) -> list[torch.Tensor]:
    return [torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(seed)) * 2 - 1 for seed in seeds]


@torch.no_grad()
def test_the_second_generation_starts_from_the_restored_image_and_sees_photo_and_numbers(second: HaarDenoiser) -> None:
    x, restored, photo, other = pictures(0, 1, 2, 3)
    numbers, sigma = torch.tensor([[0.3, -0.2]]), torch.tensor([0.3])
    assert torch.allclose(second.image_of(second.bands_of(x)), x, atol=1e-6)
    assert torch.allclose(second(x, torch.tensor([1e-6]), join_condition(restored, photo, numbers)), x, atol=1e-4)
    far = second(restored + 50 * x, torch.tensor([50.0]), join_condition(restored, photo, numbers))
    assert float((far - restored).std()) < 0.5
    given = second(x, sigma, join_condition(restored, photo, numbers))
    assert not torch.allclose(given, second(x, sigma, join_condition(restored, other, numbers)), atol=1e-4)
    assert not torch.allclose(given, second(x, sigma, join_condition(restored, photo, -numbers)), atol=1e-4)


@torch.no_grad()
def test_its_condition_is_dropped_to_a_tenth_of_itself(second: HaarDenoiser) -> None:
    x, restored, photo = pictures(0, 1, 2)
    condition, none, sigma = join_condition(restored, photo, torch.tensor([[0.3, -0.2]])), torch.zeros(1), torch.tensor([0.3])
    dropped = second(x, sigma, condition, none)
    assert not torch.allclose(dropped, second(x, sigma, None), atol=1e-4)
    # Without the noise's share of the estimate, what is left is the anchor: at a large level, a tenth of the restored image.
    far = second(50 * x, torch.tensor([50.0]), condition, none)
    nothing = second(50 * x, torch.tensor([50.0]), None)
    assert float(((far - nothing) * restored).sum() / restored.square().sum()) == pytest.approx(0.1, abs=0.05)


def test_it_loads_to_the_same_function(second: HaarDenoiser, tmp_path: Path) -> None:
    path = tmp_path / "prior.safetensors"
    save_checkpoint(path, second.state_dict(), prior_metadata(second, steps="1"))
    loaded = load_denoiser(path)
    x, restored, photo = pictures(0, 1, 2)
    condition = join_condition(restored, photo, torch.zeros(1, 2))
    with torch.no_grad():
        assert torch.equal(loaded(x, torch.tensor([0.2]), condition), second(x, torch.tensor([0.2]), condition))
    assert loaded.multiple == 8


def test_the_numbers_of_a_degradation_lie_about_minus_one_to_one_and_rise_with_quality() -> None:
    worst, best = degradation_numbers(15.0, 1 / 16), degradation_numbers(50.0, 1.0)
    assert worst == pytest.approx((-1, -1)) and best == pytest.approx((0.75, 1))
    assert degradation_numbers(1000.0, 1e-9) == pytest.approx((1.25, -1.5))
