"""LRPO's functions of tensors, each against what else is known of it."""

import math

import pytest
import torch
from torch.autograd import gradcheck

from ttpo_cli.diffusion.ancestral import deviation, mean_log_prob
from ttpo_cli.errors import UsageError
from ttpo_cli.training.rl.lrpo import LrpoOptions, bounded, check, clipped_surrogate, noise_level_weights, noised_truths, truth_regulariser
from ttpo_cli.training.rl.rewards import common_deviation, group_advantage


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_the_log_probability_is_torch_distributions_mean_over_elements():
    x, mean = normal(2, 3, 2, 4, 5)
    expected = torch.distributions.Normal(mean, 0.3).log_prob(x).mean(dim=(1, 2, 3))
    assert torch.allclose(mean_log_prob(x, mean, 0.3), expected)


def test_weights_have_mean_one_and_are_the_papers_for_fifty_steps_of_stable_diffusion():
    """Known of the released code: 1.60, 1.58, 1.56, ... 0.50, 0.47, 0.42, 0.35, 0.14, 0.07, about a mean deviation of 0.2836."""
    abar = torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2, dim=0)
    steps = abar[torch.arange(1, 1000, 20)].flip(0)
    levels = ((1 - torch.cat((steps, abar[:1]))) / torch.cat((steps, abar[:1]))).sqrt()
    deviations = deviation(levels)
    weights = noise_level_weights(deviations, levels[1:])
    assert float(weights.mean()) == pytest.approx(1)
    assert float((deviations / (1 + levels[1:] ** 2).sqrt()).mean()) == pytest.approx(0.2836, abs=1e-4)
    published = [1.60, 1.58, 1.56, 0.50, 0.47, 0.42, 0.35, 0.14, 0.07]
    assert [round(weight, 2) for weight in (*weights[:3].tolist(), *weights[-6:].tolist())] == published


def test_the_surrogate_is_flat_where_the_ratio_has_gone_far_enough_and_only_there():
    for advantage, ratio, slope in ((1.0, 1.2, 0.0), (1.0, 0.8, -1.0), (-1.0, 1.2, 1.0), (-1.0, 0.8, 0.0), (2.0, 1.0, -2.0)):
        value = torch.tensor([ratio], requires_grad=True)
        clipped_surrogate(value, torch.tensor([advantage]), 0.1).sum().backward()
        assert value.grad is not None
        assert float(value.grad) == slope, (advantage, ratio)


def test_a_step_s_advantage_is_bounded_after_it_is_weighted():
    assert bounded(torch.tensor([4.0, -4.0, 1.0]), 1.5, 5.0).tolist() == [5.0, -5.0, 1.5]


def test_a_group_s_advantages_have_mean_zero_and_are_in_units_of_all_rewards_deviation():
    rewards = normal(4, 9) + torch.arange(4.0)[:, None] * 10
    spread = common_deviation(rewards)
    advantage = group_advantage(rewards, spread)
    assert torch.allclose(advantage.mean(dim=1), torch.zeros(4, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(advantage[1] - advantage[1, 0], (rewards[1] - rewards[1, 0]) / (rewards.flatten().std(correction=0) + 1e-4))


def test_equal_rewards_teach_nothing():
    rewards = torch.full((2, 3), 0.7)
    mean = torch.zeros(6, 1, 2, 2, requires_grad=True)
    x = torch.randn(6, 1, 2, 2)
    ratio = torch.exp(mean_log_prob(x, mean, 0.5) - mean_log_prob(x, mean.detach(), 0.5))
    assert torch.equal(ratio, torch.ones(6))
    clipped_surrogate(ratio, group_advantage(rewards, common_deviation(rewards)).flatten(), 1e-4).sum().backward()
    assert mean.grad is not None
    assert torch.equal(mean.grad, torch.zeros_like(mean))


def test_a_reward_that_is_no_number_leaves_its_group_s_mean_and_the_deviation_alone():
    rewards = torch.tensor([[1.0, 3.0, torch.nan], [torch.nan, torch.nan, 5.0]])
    assert float(common_deviation(rewards)) == pytest.approx(torch.tensor([1.0, 3.0, 5.0]).std(correction=0))
    advantage = group_advantage(rewards, torch.tensor(1.0))
    assert advantage[0, :2].tolist() == pytest.approx([-1 / 1.0001, 1 / 1.0001])
    assert advantage.isnan().tolist() == [[False, False, True], [True, True, False]]
    assert float(advantage[1, 2]) == 0
    assert float(common_deviation(torch.full((1, 2), torch.nan))) == 0


def test_the_truth_is_noised_from_x0_or_from_level_to_level():
    truth, noises = normal(2, 1, 3, 3), normal(3, 2, 1, 3, 3, seed=1)
    sigmas = torch.tensor([0.5, 0.3, 0.1], dtype=torch.float64)
    direct = noised_truths(truth, sigmas, noises, cumulative=False)
    assert torch.allclose(direct[2], truth + 0.1 * noises[2])
    released = noised_truths(truth, sigmas, noises, cumulative=True)
    assert torch.allclose(released[2], truth + 0.5 * noises[0] + 0.3 * noises[1] + 0.1 * noises[2])
    assert torch.equal(released[0], direct[0])


@pytest.mark.parametrize("cumulative", [False, True])
def test_the_regulariser_s_gradient_is_right_and_leads_to_the_truth(cumulative):
    sigmas, noises = torch.tensor([0.4, 0.2], dtype=torch.float64), normal(2, 2, 1, 2, 3, seed=1)
    at = noised_truths(normal(2, 1, 2, 3), sigmas, noises, cumulative)[1]
    mean = normal(2, 1, 2, 3, seed=2).requires_grad_()
    assert gradcheck(lambda value: truth_regulariser(at, value, 0.3, 40.0), (mean,))
    before = truth_regulariser(at, mean, 0.3, 40.0)
    before.sum().backward()
    assert mean.grad is not None
    assert bool((truth_regulariser(at, mean - 0.1 * mean.grad, 0.3, 40.0) < before).all())


def test_the_regulariser_is_its_formula():
    at, mean = normal(2, 3, 1, 2, 2)
    log_prob = torch.distributions.Normal(mean, 0.2).log_prob(at).mean(dim=(1, 2, 3))
    assert torch.allclose(truth_regulariser(at, mean, 0.2, 40.0), 1 - torch.exp(log_prob / 40))


def test_a_two_armed_problem_is_solved():
    """Each sample draws x ~ N(theta, 1); whoever lands above 0 is rewarded. The policy must learn to land there nearly always."""
    generator, theta = torch.Generator().manual_seed(0), torch.full((1,), -1.0, requires_grad=True)
    optimizer = torch.optim.Adam([theta], lr=0.05)
    for _ in range(150):
        mean = theta.expand(36, 1, 1, 1).reshape(36, 1, 1, 1)
        with torch.no_grad():
            x = mean + torch.randn(36, 1, 1, 1, generator=generator)
            old = mean_log_prob(x, mean, 1.0)
            rewards = (x > 0).double().view(4, 9)
            advantage = group_advantage(rewards, common_deviation(rewards)).flatten()
        ratio = torch.exp(mean_log_prob(x, mean, 1.0) - old)
        optimizer.zero_grad()
        clipped_surrogate(ratio, advantage, 1e-4).mean().backward()
        optimizer.step()
    landed = 0.5 * (1 + math.erf(float(theta.detach()) / math.sqrt(2)))
    assert landed > 0.95


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"truth": "dirct"}, "did you mean direct"),
        ({"clip": 0.0}, "lrpo.clip must be above 0"),
        ({"truth_weight": -1.0}, "must not be negative"),
    ],
)
def test_values_that_are_invalid_are_refused(changes, says):
    with pytest.raises(UsageError, match=says):
        check(LrpoOptions(**changes))
