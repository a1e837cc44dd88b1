from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ttpo_cli.diffusion.frequency import haar_low_pass
from ttpo_cli.diffusion.guidance import PAPER_ELEMENTS, guide, masked_mean, stage_loss
from ttpo_cli.errors import UsageError
from ttpo_cli.preference.preference_loss import DISTANCES, pair_preference
from ttpo_cli.settings.guidance import GuidanceOptions

PAPER = GuidanceOptions(scale=1000, alpha=0.5, t1=0.7, t2=0.1, update="paper")


def _nothing(x0_hat: Tensor) -> Tensor:
    return x0_hat.flatten(1).sum(dim=1) * 0


def _pull(size: int, flow: float = 0.8) -> float:
    restored = torch.zeros(1, 4, size, size)
    x0_hat = torch.ones_like(restored)
    sigma = torch.tensor([flow / (1 - flow)])
    moved, _ = guide(restored, _nothing, torch.ones(1, 1, size, size), PAPER)(x0_hat, x0_hat.clone(), sigma, 0)
    return float((x0_hat - moved).mean())


def test_above_t1_each_step_pulls_by_3_05_percent_as_the_paper_at_512_pixels() -> None:
    assert _pull(128) == pytest.approx(2 * 1000 / PAPER_ELEMENTS, rel=1e-5)
    assert _pull(128) == pytest.approx(0.0305, abs=1e-4)


def test_the_pull_is_the_same_at_every_size() -> None:
    assert _pull(16) == pytest.approx(_pull(256), rel=1e-4)


def test_padding_neither_pulls_nor_is_pulled() -> None:
    mask = torch.ones(1, 1, 16, 16)
    mask[..., 12:] = 0
    restored, x0_hat = torch.zeros(1, 3, 16, 16), torch.rand(1, 3, 16, 16)
    other = x0_hat.clone()
    other[..., 12:] = 100
    callback = guide(restored, _nothing, mask, PAPER)
    moved, _ = callback(x0_hat, x0_hat, torch.tensor([4.0]), 0)
    moved_other, _ = callback(other, other, torch.tensor([4.0]), 0)
    assert torch.equal(moved[..., 12:], x0_hat[..., 12:])
    assert torch.allclose(moved[..., :12], moved_other[..., :12])
    assert not torch.equal(moved[..., :12], x0_hat[..., :12])


def test_a_preference_that_reaches_into_the_padding_does_not_move_it() -> None:
    mask = torch.ones(1, 1, 8, 8)
    mask[..., 6:] = 0
    x0_hat = torch.rand(1, 3, 8, 8)
    callback = guide(torch.zeros(1, 3, 8, 8), lambda x: x.square().sum(dim=(1, 2, 3)), mask, PAPER)
    moved, _ = callback(x0_hat, x0_hat, torch.tensor([0.05]), 0)
    assert torch.equal(moved[..., 6:], x0_hat[..., 6:])
    assert not torch.equal(moved[..., :6], x0_hat[..., :6])


def test_the_noise_estimate_stays_when_guidance_moves_x0_hat() -> None:
    x0_hat, x = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)
    moved, x_moved = guide(torch.zeros(1, 3, 8, 8), _nothing, torch.ones(1, 1, 8, 8), PAPER)(x0_hat, x, torch.tensor([4.0]), 0)
    assert torch.allclose(x - x0_hat, x_moved - moved, atol=1e-6)


def test_the_three_stages_are_the_papers_losses() -> None:
    torch.manual_seed(0)
    x0_hat, restored, mask, low = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8), torch.ones(1, 1, 8, 8), haar_low_pass(1)

    def preference(x: Tensor) -> Tensor:
        return x.mean(dim=(1, 2, 3)) + 2

    anchor = ((x0_hat - restored) ** 2).mean()
    band = ((low(x0_hat) - low(restored)) ** 2).mean()
    both, alone = band + 0.5 * preference(x0_hat)[0], 0.5 * preference(x0_hat)[0]
    wanted = {0.8: anchor, 0.701: anchor, 0.699: both, 0.4: both, 0.101: both, 0.099: alone, 0.05: alone}
    for flow, loss in wanted.items():
        assert float(stage_loss(x0_hat, restored, flow, preference, low, mask, PAPER)) == pytest.approx(float(loss), rel=1e-5)


@pytest.mark.parametrize("distance", DISTANCES)
def test_the_preference_gradient_is_that_of_finite_differences(distance: str) -> None:
    torch.manual_seed(1)
    low = haar_low_pass(1)
    preferred, dispreferred, x = (torch.rand(1, 2, 8, 8, dtype=torch.float64) for _ in range(3))
    loss = pair_preference(preferred, dispreferred, lambda z: z - low(z), torch.ones(1, 1, 8, 8, dtype=torch.float64), distance, 3.0)
    assert torch.autograd.gradcheck(loss, x.requires_grad_(True), eps=1e-7, atol=1e-5)


def _gradient(distance: str, value: float) -> Tensor:
    sign = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(4, 4)[None, None]
    preferred, dispreferred = 0.2 * sign, 0.1 * sign
    x = (value * sign).requires_grad_(True)
    low = haar_low_pass(1)
    loss = pair_preference(preferred, dispreferred, lambda z: z - low(z), torch.ones(1, 1, 8, 8), distance, 1.0)(x)
    return torch.autograd.grad(loss.sum(), x)[0]


def test_the_l1_gradient_vanishes_outside_the_interval_of_the_pair_and_the_l2_gradient_does_not() -> None:
    assert float(_gradient("l1", 0.15).abs().max()) > 0
    assert float(_gradient("l1", 0.5).abs().max()) == pytest.approx(0, abs=1e-9)
    assert float(_gradient("l1", 0.01).abs().max()) == pytest.approx(0, abs=1e-9)
    assert float(_gradient("l2", 0.5).abs().max()) > 0
    assert float(_gradient("l2", 0.01).abs().max()) > 0


@pytest.mark.parametrize("distance", DISTANCES)
def test_the_loss_falls_from_dispreferred_to_preferred(distance: str) -> None:
    torch.manual_seed(2)
    low = haar_low_pass(1)
    preferred, dispreferred = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16) * 0.3
    loss = pair_preference(preferred, dispreferred, lambda z: z - low(z), torch.ones(1, 1, 16, 16), distance, 1.0)
    assert float(loss(preferred)) < float(loss(dispreferred))


def test_a_normalised_step_has_rms_rate_times_sigma_whatever_the_gradient() -> None:
    options = replace(PAPER, update="normalised", rate=0.3)
    x0_hat = torch.rand(1, 3, 8, 8)
    moved, _ = guide(torch.zeros(1, 3, 8, 8), _nothing, torch.ones(1, 1, 8, 8), options)(x0_hat, x0_hat, torch.tensor([4.0]), 0)
    assert float((moved - x0_hat).square().mean().sqrt()) == pytest.approx(0.3 * 4, rel=1e-4)


def test_the_masked_mean_counts_what_is_inside_only() -> None:
    mask = torch.tensor([1.0, 0.0]).view(1, 1, 1, 2)
    assert masked_mean(torch.tensor([2.0, 50.0]).view(1, 1, 1, 2), mask).tolist() == [2.0]


def test_unknown_choices_are_refused_by_name() -> None:
    with pytest.raises(UsageError, match="update rule"):
        guide(torch.zeros(1, 3, 8, 8), _nothing, torch.ones(1, 1, 8, 8), replace(PAPER, update="papre"))
    with pytest.raises(UsageError, match="distance"):
        pair_preference(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8), lambda x: x, torch.ones(1, 1, 8, 8), "l3", 1.0)
