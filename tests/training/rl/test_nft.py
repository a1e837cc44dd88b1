"""DiffusionNFT: the published form in v, its gradient, its minimiser by quadrature, its limits, and what its old policy does."""

import math

import pytest
import torch
from torch import nn

from ttpo_cli.device.batching import Batch
from ttpo_cli.diffusion.denoiser import Prior
from ttpo_cli.errors import UsageError
from ttpo_cli.training.distributed import alone
from ttpo_cli.training.rl.nft import (
    MODES,
    NftNetworks,
    NftOptions,
    NftSamples,
    check,
    draw_order,
    implicit,
    nft_loss,
    nft_update,
    noised_levels,
    optimality,
    reference_distance,
)
from ttpo_cli.training.rl.policy import Policy
from ttpo_cli.training.rl.rewards import decoupled_advantage
from ttpo_cli.training.rl.update import Updater

CPU = torch.device("cpu")


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def images(seed):
    return drawn(5, 3, 4, 4, seed=seed)


def published_loss(v, v_old, x_s, x0, s, r, beta, bound):
    """The released loss in rectified flow's terms: x0(v) = x_s - s v."""
    loss = 0
    for sign, share in ((1, r), (-1, 1 - r)):
        implied = v_old + sign * beta * (v - v_old)
        guess = x_s - s[:, None, None, None] * implied
        weight = (guess - x0).abs().mean(dim=(1, 2, 3)).clamp(min=1e-5)
        loss = loss + share * (guess - x0).square().mean(dim=(1, 2, 3)) / weight
    return bound / beta * loss


@pytest.mark.parametrize("beta", [0.1, 1.0, 3.0])
def test_the_loss_in_x0_is_the_published_one_in_v(beta):
    x0, noise, v, v_old = (images(seed) for seed in range(4))
    s, r = torch.rand(5, dtype=torch.float64) * 0.9 + 0.05, torch.rand(5, dtype=torch.float64)
    x_s = (1 - s)[:, None, None, None] * x0 + s[:, None, None, None] * noise
    sigma = s / (1 - s)
    x0_hat, old = (x_s - s[:, None, None, None] * one for one in (v, v_old))
    assert torch.allclose(x_s / (1 - s)[:, None, None, None], x0 + sigma[:, None, None, None] * noise)
    found = nft_loss(x0_hat, old, x0, sigma, r, NftOptions(beta=beta))
    assert torch.allclose(found, published_loss(v, v_old, x_s, x0, s, r, beta, 5.0), rtol=1e-12)
    assert torch.allclose(reference_distance(x0_hat, old, sigma), (v - v_old).square().mean(dim=(1, 2, 3)))


@pytest.mark.parametrize("beta", [0.1, 1.0, 7.0])
def test_where_both_policies_agree_the_gradient_is_the_advantage_times_the_denoising_losss_whatever_beta(beta):
    old, x0 = images(0), images(1)
    advantages = torch.tensor([-9.0, -1.5, 0.0, 0.7, 6.0], dtype=torch.float64)
    x0_hat = old.clone().requires_grad_()
    options = NftOptions(beta=beta)
    nft_loss(x0_hat, old, x0, torch.ones(5, dtype=torch.float64), optimality(advantages, options), options).sum().backward()
    other = old.clone().requires_grad_()
    weight = (old - x0).abs().mean(dim=(1, 2, 3))
    (advantages.clamp(-5, 5) * (other - x0).square().mean(dim=(1, 2, 3)) / weight).sum().backward()
    assert torch.allclose(x0_hat.grad, other.grad, atol=1e-12)
    assert (x0_hat.grad[2] == 0).all()


def test_with_a_common_weight_beta_is_the_weight_of_a_proximal_term():
    x0_hat, old, x0 = images(0), images(1), images(2)
    sigma, r = torch.full((5,), 0.5, dtype=torch.float64), torch.rand(5, dtype=torch.float64)
    s2 = (0.5 / 1.5) ** 2
    for beta in (0.1, 2.0):
        e, d = old - x0, x0_hat - old
        mean = [(one * other).mean(dim=(1, 2, 3)) for one, other in ((e, e), (d, e), (d, d))]
        expected = 5 / beta * (mean[0] + 2 * beta * (2 * r - 1) * mean[1] + beta**2 * mean[2]) / s2
        found = nft_loss(x0_hat, old, x0, sigma, r, NftOptions(beta=beta, normalised=False))
        assert torch.allclose(found, expected, rtol=1e-12)


def posterior(x, sigma, grid):
    """Weights of x0 on a grid given x = x0 + sigma n, for two equal Gaussians at -1 and 1 of deviation 0.4."""
    prior = torch.exp(-((grid - 1) ** 2) / 0.32) + torch.exp(-((grid + 1) ** 2) / 0.32)
    weights = prior * torch.exp(-((x - grid) ** 2) / (2 * sigma**2))
    return weights / weights.sum()


@pytest.mark.parametrize(("beta", "x", "sigma"), [(0.5, 0.3, 0.6), (2.0, -1.1, 0.9), (1e6, 0.3, 0.6)])
def test_the_minimiser_is_the_old_denoiser_tilted_by_the_optimality_s_gradient(beta, x, sigma):
    """d* = (2 / beta) alpha (D+ - D_old) = (2 / beta) sigma^2 d alpha / dx, alpha(x) = E[r | x], on a mixture of two Gaussians."""
    grid = torch.linspace(-5, 5, 20001, dtype=torch.float64)
    optimal, step = torch.sigmoid(3 * grid), 1e-4
    weights = posterior(x, sigma, grid)
    old, alpha = float(weights @ grid), float(weights @ optimal)
    options = NftOptions(beta=beta, normalised=False)

    def expected_loss(d):
        shape = (len(grid), 1, 1, 1)
        x0_hat, before = torch.full(shape, old + d, dtype=torch.float64), torch.full(shape, old, dtype=torch.float64)
        level = torch.full((len(grid),), sigma, dtype=torch.float64)
        return float(weights @ nft_loss(x0_hat, before, grid[:, None, None, None], level, optimal, options))

    left, middle, right = (expected_loss(d) for d in (-1.0, 0.0, 1.0))
    minimiser = (left - right) / (2 * (left - 2 * middle + right))
    of_optimal = float(weights @ (optimal * grid)) / alpha
    assert minimiser == pytest.approx(2 / beta * alpha * (of_optimal - old), abs=1e-9)
    slope = (float(posterior(x + step, sigma, grid) @ optimal) - float(posterior(x - step, sigma, grid) @ optimal)) / (2 * step)
    assert minimiser == pytest.approx(2 / beta * sigma**2 * slope, abs=1e-6)


def test_the_limits_of_optimality_and_beta():
    """r = 1 at beta = 1 is the denoising loss on one's own samples; r = 0 is least at 2 D_old - x0; large beta holds still."""
    x0_hat, old, x0 = images(0), images(1), images(2)
    one, sigma = torch.ones(5, dtype=torch.float64), torch.full((5,), 0.5, dtype=torch.float64)
    options = NftOptions(beta=1.0, bound=1.0, normalised=False)
    s2 = (0.5 / 1.5) ** 2
    assert torch.allclose(nft_loss(x0_hat, old, x0, sigma, one, options), (x0_hat - x0).square().mean(dim=(1, 2, 3)) / s2)
    assert (nft_loss(2 * old - x0, old, x0, sigma, 0 * one, options) < 1e-20).all()
    plus, minus = implicit(x0_hat, old, 0.0)
    assert torch.equal(plus, old)
    assert torch.equal(minus, old)


def test_the_modes_of_advantages():
    advantages = torch.tensor([-7.0, -1.0, 0.0, 1.0, 7.0])
    expected = {
        "all": [0.0, 0.4, 0.5, 0.6, 1.0],
        "positive": [0.5, 0.5, 0.5, 0.6, 1.0],
        "negative": [0.0, 0.4, 0.5, 0.5, 0.5],
        "binary": [0.4, 0.4, 0.5, 0.6, 0.6],
    }
    assert set(expected) == set(MODES)
    for mode, values in expected.items():
        assert optimality(advantages, NftOptions(mode=mode)).tolist() == pytest.approx(values)


class Shift(nn.Module):
    """x0_hat = x / (1 + sigma^2) + shift: a denoiser of unit Gaussians with one number to learn."""

    def __init__(self, shift=0.0):
        super().__init__()
        self.shift = nn.Parameter(torch.tensor(shift))

    def forward(self, x, sigma, condition):
        return x / (1 + sigma[:, None, None, None] ** 2) + self.shift


def policy_of(network):
    prior = Prior("shift", network, lambda image: image, lambda x0: x0, 1, "f" * 64, "Apache-2.0")
    return Policy(prior, network, lambda folder, stem, facts: folder / stem)


def updater_of(network, folder, rate=0.1):
    optimizer = torch.optim.SGD(network.parameters(), lr=rate)
    return Updater(network=network, optimizer=optimizer, processes=alone(CPU), parts=Batch(8, "samples"), norm=1e9, folder=folder)


def samples_of(advantages, seed=0, levels=3, updates=1):
    generator = torch.Generator().manual_seed(seed)
    count = len(advantages)
    return NftSamples(
        x0=torch.randn(count, 1, 2, 2, generator=generator),
        condition=None,
        advantages=torch.tensor(advantages),
        sigmas=torch.tensor([0.9, 0.5, 0.2])[:levels],
        order=draw_order(count, levels, updates, generator),
        noise=lambda number: torch.randn(count, 1, 2, 2, generator=generator),
    )


def test_a_group_of_equal_rewards_teaches_nothing_but_the_reference(tmp_path):
    for reference, moves in ((0.0, False), (1.0, True)):
        network = Shift()
        networks = NftNetworks(network)
        with torch.no_grad():
            network.shift += 0.3
            networks.old.shift += 0.3
        options = NftOptions(reference=reference)
        nft_update(policy_of(network), networks, samples_of([0.0] * 4), options, updater_of(network, tmp_path, 0.01), 0)
        if moves:
            assert 0 < network.shift.item() < 0.3
        else:
            assert network.shift.item() == pytest.approx(0.3, abs=1e-7)


def test_a_sample_without_a_reward_has_no_part(tmp_path):
    ends = []
    for advantages in ([2.0, -1.0, math.nan], [2.0, -1.0, 0.0]):
        network = Shift()
        nft_update(policy_of(network), NftNetworks(network), samples_of(advantages), NftOptions(), updater_of(network, tmp_path), 0)
        ends.append(network.shift.item())
    assert ends[0] == pytest.approx(ends[1], rel=1e-5)
    assert math.isfinite(ends[0])
    assert ends[0] != 0


def test_what_a_dropped_sample_looks_like_does_not_matter(tmp_path):
    ends = {}
    for advantage in (math.nan, 0.0):
        for moved in (0.0, 5.0):
            samples = samples_of([2.0, -1.0, advantage])
            samples.x0[2] += moved
            network = Shift(0.2)
            nft_update(policy_of(network), NftNetworks(Shift(0.0)), samples, NftOptions(), updater_of(network, tmp_path, 0.01), 0)
            ends[math.isnan(advantage), moved] = network.shift.item()
    assert ends[True, 0.0] == ends[True, 5.0]
    assert ends[False, 0.0] != ends[False, 5.0]


def test_the_update_is_the_loss_s_gradient_by_hand_and_many_passes_are_one(tmp_path):
    """A second computation of the whole update, and the same in passes of two rows."""
    samples, options = samples_of([1.0, -2.0, 0.5]), NftOptions(levels=2, reference=0.5, beta=0.7)
    sigma, noise = noised_levels(samples, samples.order, options)
    x0, advantages = samples.x0.repeat_interleave(2, 0), samples.advantages.repeat_interleave(2)
    shift = torch.tensor(0.2, requires_grad=True)
    fixed = (x0 + sigma[:, None, None, None] * noise) / (1 + sigma[:, None, None, None] ** 2)
    total = 0
    for row in range(6):
        old, d = fixed[row], fixed[row] + shift
        r, s = 0.5 + advantages[row] / 10, sigma[row] / (1 + sigma[row])
        plus, minus = old + 0.7 * (d - old) - x0[row], old - 0.7 * (d - old) - x0[row]
        own = r * plus.square().mean() / plus.abs().mean().detach() + (1 - r) * minus.square().mean() / minus.abs().mean().detach()
        total = total + 5 / 0.7 * own + 0.5 * (d - old).square().mean() / s**2
    (total / 6).backward()
    ends = []
    for rows in (8, 2):
        again = samples_of([1.0, -2.0, 0.5])
        network = Shift(0.2)
        networks = NftNetworks(Shift(0.0))
        updater = updater_of(network, tmp_path, 0.01)
        updater.parts.size = rows
        nft_update(policy_of(network), networks, again, options, updater, 0)
        ends.append(network.shift.item())
    assert ends[0] == pytest.approx(0.2 - 0.01 * shift.grad.item(), rel=1e-4)
    assert ends[0] == pytest.approx(ends[1], rel=1e-5)


def test_the_old_policy_follows_ever_less_and_is_what_a_run_that_goes_on_needs():
    network = Shift(1.0)
    networks = NftNetworks(Shift(0.0))
    options = NftOptions(decay_rate=0.1, decay_most=0.5)
    networks.follow(network, 0, options)
    assert networks.old.shift.item() == 1.0
    networks.old.shift.data.zero_()
    networks.follow(network, 2, options)
    assert networks.old.shift.item() == pytest.approx(0.8)
    networks.old.shift.data.zero_()
    networks.follow(network, 1000, options)
    assert networks.old.shift.item() == pytest.approx(0.5)
    others = NftNetworks(Shift(0.0))
    others.load_state_dict(networks.state_dict())
    assert others.old.shift.item() == networks.old.shift.item()
    assert others.reference.shift.item() == 0.0


def test_opposite_noise_at_least_halves_the_gradient_s_variance():
    found = {}
    for antithetic in (False, True):
        options, gradients = NftOptions(levels=2, antithetic=antithetic, normalised=False), []
        samples = samples_of([3.0], seed=1)
        for _ in range(400):
            sigma, noise = noised_levels(samples, torch.tensor([[1, 1, 1]]), options)
            x0 = samples.x0.repeat_interleave(2, 0)
            network = Shift()
            x = x0 + sigma[:, None, None, None] * noise
            old = network(x, sigma, None).detach()
            loss = nft_loss(network(x, sigma, None), old, x0, sigma, optimality(samples.advantages, options).expand(2), options).mean()
            gradients.append(torch.autograd.grad(loss, network.shift)[0])
        found[antithetic] = float(torch.stack(gradients).var())
    assert found[True] < found[False] / 2


def test_every_sample_gets_levels_of_its_own_without_repeating_one():
    order = draw_order(50, 6, 2, torch.Generator().manual_seed(0))
    assert order.shape == (50, 12)
    assert (order[:, :6].sort(dim=1).values == torch.arange(6)).all()
    assert len({tuple(row) for row in order[:, :2].tolist()}) > 15


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"mode": "postive"}, "did you mean positive"),
        ({"beta": 0.0}, "nft.beta"),
        ({"levels": 7}, "rollout.steps"),
        ({"levels": 0}, "rollout.steps"),
        ({"antithetic": True, "levels": 3}, "even"),
        ({"decay_most": 1.0}, "decay_most"),
        ({"eta": 1.5}, "nft.eta"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(changes, word):
    with pytest.raises(UsageError, match=word):
        check(NftOptions(**changes), 6)


def test_decoupled_advantages_give_every_term_its_weight_whatever_its_spread():
    """By numpy's own mean and deviation; a term with a tiny spread counts as much as one with a large spread."""
    first, second = drawn(12, seed=1), drawn(12, seed=2) / 1000 + 5
    found = decoupled_advantage({"a": 0.3 * first, "b": 2.0 * second}, {"a": 0.3, "b": 2.0}, 4)
    expected = 0
    for weight, scores in ((0.3, first), (2.0, second)):
        groups = scores.numpy().reshape(3, 4)
        expected = expected + weight * (groups - groups.mean(1, keepdims=True)) / (groups.std(1, keepdims=True) + 1e-4)
    assert found.numpy() == pytest.approx(expected.flatten(), rel=1e-9)


def test_decoupled_advantages_leave_out_what_is_no_number():
    scores = torch.tensor([1.0, 2.0, math.nan, math.nan, 5.0, math.nan])
    found = decoupled_advantage({"a": scores}, {"a": 1.0}, 3)
    assert found[:2].tolist() == pytest.approx([-0.9998, 0.9998], rel=1e-3)
    assert found[2:4].isnan().all()
    assert found[4] == 0
