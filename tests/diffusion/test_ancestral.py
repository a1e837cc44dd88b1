"""The stochastic DDIM step: the published formula, the exact posterior, and the marginals of a prior that is known in closed form."""

import math

import pytest
import torch
from analytic_prior import gaussian_denoiser

from ttpo_cli.diffusion.ancestral import ancestral, deviation, step_mean
from ttpo_cli.diffusion.sampler import integrate
from ttpo_cli.diffusion.schedule import karras_sigmas

SHAPE = (1, 1, 2, 3)


def published_step(x_vp, x0, abar, abar_s, eta):
    """DDIM's Eq. 12 and 16 in its own, variance-preserving form: (mean, deviation)."""
    d = eta * math.sqrt((1 - abar_s) / (1 - abar)) * math.sqrt(1 - abar / abar_s)
    eps = (x_vp - math.sqrt(abar) * x0) / math.sqrt(1 - abar)
    return math.sqrt(abar_s) * x0 + math.sqrt(1 - abar_s - d**2) * eps, d


@pytest.mark.parametrize("eta", [0.0, 0.8, 1.0])
@pytest.mark.parametrize(("sigma", "following"), [(14.6, 9.0), (0.4, 0.1), (0.02, 0.019)])
def test_a_step_is_ddims_own_in_other_coordinates(eta, sigma, following):
    x, x0 = torch.randn(2, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    spread = float(deviation(torch.tensor([sigma, following], dtype=torch.float64), eta))
    mean = step_mean(x, x0, sigma, following, spread)
    abar, abar_s = 1 / (1 + sigma**2), 1 / (1 + following**2)
    expected, d = published_step(math.sqrt(abar) * x, x0, abar, abar_s, eta)
    assert torch.allclose(math.sqrt(abar_s) * mean, expected, rtol=1e-10)
    assert math.sqrt(abar_s) * spread == pytest.approx(d, rel=1e-10)


def test_at_eta_one_it_is_the_posterior_given_both_ends():
    """Bayes: x_s = x0 + s n and x_t = x_s + sqrt(t^2 - s^2) n' have precisions that add up."""
    sigma, following, x, x0 = 0.7, 0.3, torch.full(SHAPE, 2.0), torch.full(SHAPE, 0.5)
    precision = 1 / following**2 + 1 / (sigma**2 - following**2)
    expected = (0.5 / following**2 + 2.0 / (sigma**2 - following**2)) / precision
    spread = float(deviation(torch.tensor([sigma, following], dtype=torch.float64)))
    assert spread == pytest.approx(precision**-0.5)
    assert torch.allclose(step_mean(x, x0, sigma, following, spread), torch.full(SHAPE, expected))


def test_without_noise_it_is_eulers_step():
    x = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(2))
    sigmas = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
    denoise = gaussian_denoiser(0.2)
    drawn = ancestral(denoise, x, sigmas, None, lambda number: torch.full_like(x, torch.inf).nan_to_num(posinf=1e6), eta=0.0)
    expected = integrate(denoise, x, torch.cat((sigmas, sigmas.new_zeros(1))), None, solver="euler")
    assert torch.allclose(drawn, expected, atol=1e-6)


def test_the_marginal_at_every_level_is_the_analytic_gaussian_that_its_moments_follow():
    """For a Gaussian prior each step maps variance exactly: V_s = (c + (1 - c) k)^2 V_t + d^2 with the posterior mean's slope k, and the
    samples have it at every level; with many steps V is deviation^2 + sigma^2."""
    prior_deviation, sigmas = 0.2, karras_sigmas(1.0, 0.02, 40)
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(4, 1, 100, 100, generator=generator) * (prior_deviation**2 + 1) ** 0.5
    seen = {}

    def observe(number, before, mean, after):
        seen[number] = float(after.var())

    end = ancestral(
        gaussian_denoiser(prior_deviation), x, sigmas, None, lambda _: torch.randn(x.shape, generator=generator), observe=observe
    )
    variance = prior_deviation**2 + 1
    for number, (level, following) in enumerate(zip(sigmas[:-1].tolist(), sigmas[1:].tolist(), strict=True)):
        share, slope = (following / level) ** 2, prior_deviation**2 / (prior_deviation**2 + level**2)
        variance = (share + (1 - share) * slope) ** 2 * variance + following**2 * (1 - share)
        assert seen[number] == pytest.approx(variance, rel=0.03), number
        assert variance == pytest.approx(prior_deviation**2 + following**2, rel=0.1), number
    slope = prior_deviation**2 / (prior_deviation**2 + 0.02**2)
    assert float(end.std()) == pytest.approx(slope * variance**0.5, rel=0.02)
