"""The preference losses by their definitions: how much repels, what a reward adds, and the floors of the logarithms."""

import math

import pytest
import torch
from torch import Tensor

from ttpo_cli.preference.preference_loss import energy_distance, local_log_energy, log_distance, pair_preference, with_reward

MASK = torch.ones(1, 1, 8, 8)


def same(image: Tensor) -> Tensor:
    return image


def test_repulsion_scales_the_push_and_leaves_the_loss_its_value() -> None:
    """The gradient is sigmoid(-(d_l - d_w)) (grad d_w - repulsion grad d_l), whose sigmoid still sees the whole of d_l."""
    torch.manual_seed(0)
    preferred, dispreferred, x = (torch.rand(1, 3, 8, 8) for _ in range(3))
    towards, away = ((x - image).square().mean() for image in (preferred, dispreferred))
    pull, push = (2 * (x - image) / x.numel() for image in (preferred, dispreferred))
    for repulsion in (0.0, 0.2, 1.0):
        held = x.clone().requires_grad_(True)
        loss = pair_preference(preferred, dispreferred, same, MASK, "l2", 1.0, repulsion)(held)
        (gradient,) = torch.autograd.grad(loss.sum(), held)
        assert float(loss.detach()) == pytest.approx(float(-torch.nn.functional.logsigmoid(away - towards).detach()), rel=1e-5)
        assert torch.allclose(gradient, torch.sigmoid(towards - away) * (pull - repulsion * push), atol=1e-7)


def test_a_reward_lowers_the_loss_by_its_weight() -> None:
    image = torch.rand(2, 3, 8, 8)
    loss = with_reward(lambda x: x.mean(dim=(1, 2, 3)), lambda x: x.amax(dim=(1, 2, 3)), 3.0)
    assert torch.allclose(loss(image), image.mean(dim=(1, 2, 3)) - 3 * image.amax(dim=(1, 2, 3)))


def test_the_log_distance_still_tells_apart_what_differs_by_a_grey_level() -> None:
    image = torch.rand(1, 3, 8, 8)
    one, ten = (float(log_distance(image + step / 255, image, MASK)) for step in (1, 10))
    assert ten - one == pytest.approx(math.log(100), rel=0.01)


def test_local_energy_is_the_log_of_the_windowed_mean_square_and_counts_a_grey_level() -> None:
    high = torch.zeros(1, 1, 9, 9)
    high[..., 4, 4] = 0.9
    assert float(local_log_energy(high, 3)[..., 4, 4]) == pytest.approx(math.log(1e-5 + 0.09), rel=1e-5)
    assert float(local_log_energy(high, 3)[..., 0, 0]) == pytest.approx(math.log(1e-5), rel=1e-5)
    level = torch.full((1, 1, 9, 9), 2 / 255)
    assert float(energy_distance(2 * level, level, torch.ones(1, 1, 9, 9))) > 1.0
