"""Weights from picks: as another optimiser finds them, of known people recovered within their error bars, and sound where picks are few."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from simulated_people import choices, gains, pairs, person, photos

from ttpo_cli.preference.bradley_terry import RIDGE, agreement, bootstrap, fit, held_out_agreement, log_posterior
from ttpo_cli.preference.learned_weights import minimum_picks


def seen(count=60, metrics=3, seed=0, weights=(1.0, -0.5, 0.2)):
    generator = torch.Generator().manual_seed(seed)
    true = torch.tensor(weights[:metrics], dtype=torch.float64)
    return pairs(true, photos(count, metrics, 0.3, generator), generator)


@pytest.mark.parametrize("ridge", [RIDGE, 0.01, 30.0])
@pytest.mark.parametrize("count", [1, 10, 200])
def test_another_optimiser_finds_the_same_weights(count, ridge):
    differences = seen(count)
    rows = differences.numpy()

    def surprise(weights):
        return np.logaddexp(0, -rows @ weights).sum() + ridge * (weights**2).sum() / 2

    found = minimize(surprise, [0.3, 0.3, 0.3], tol=1e-12)
    assert fit(differences, ridge=ridge).weights.tolist() == pytest.approx(found.x.tolist(), abs=2e-5)


def test_the_covariance_is_the_inverse_of_the_curvature_that_automatic_differentiation_finds():
    differences, once = seen(), torch.ones(60).double()
    fitted = fit(differences)
    curvature = torch.autograd.functional.hessian(lambda weights: -log_posterior(weights, differences, once), fitted.weights)
    assert torch.allclose(fitted.covariance @ curvature, torch.eye(3).double(), atol=1e-9)
    assert torch.allclose(fitted.standard_errors, curvature.inverse().diagonal().sqrt())


def test_choices_the_other_way_round_turn_every_sign_and_keep_every_error_bar():
    one, other = fit(seen()), fit(-seen())
    assert torch.equal(one.weights, -other.weights) and torch.equal(one.covariance, other.covariance)


def test_a_choice_that_counts_twice_is_two_choices_and_the_order_is_nothing():
    differences = seen(20)
    twice = fit(differences, torch.full((20,), 2.0).double())
    assert torch.allclose(twice.weights, fit(torch.cat((differences, differences.flip(0)))).weights, atol=1e-9)
    assert not torch.allclose(twice.weights, fit(differences).weights, atol=1e-3)


def test_metrics_in_another_order_get_their_own_weights_and_a_metric_that_says_nothing_gets_none():
    differences = seen()
    assert torch.allclose(fit(differences[:, [2, 0, 1]]).weights, fit(differences).weights[[2, 0, 1]], atol=1e-9)
    silent = fit(torch.cat((differences, torch.zeros(60, 1).double()), dim=1))
    assert float(silent.weights[3]) == 0 and float(silent.standard_errors[3]) == pytest.approx(1 / math.sqrt(RIDGE))


def test_choices_without_an_error_have_finite_weights_which_the_prior_bounds():
    differences = seen().abs()
    fitted = fit(differences)
    assert bool(torch.isfinite(fitted.weights).all()) and agreement(differences, fitted.weights) == 1
    assert float(fit(differences, ridge=1e-3).weights.norm()) > 2 * float(fitted.weights.norm())
    gradient = torch.func.grad(lambda weights: log_posterior(weights, differences, torch.ones(60).double()))(fitted.weights)
    assert float(gradient.abs().max()) < 1e-8


def test_known_weights_are_recovered_and_their_error_bars_cover_them_as_often_as_they_say():
    true, covered, found = torch.tensor([1.0, -0.5], dtype=torch.float64), [], []
    for seed in range(400):
        fitted = fit(seen(150, 2, seed, true.tolist()))
        found.append(fitted.weights)
        covered.append((fitted.weights - true).abs() <= 1.959964 * fitted.standard_errors)
    assert 0.925 < float(torch.stack(covered).double().mean()) < 0.98
    assert (torch.stack(found).mean(dim=0) - true).abs().max() < 0.05


def test_the_bootstrap_agrees_with_the_curvature_where_picks_are_many():
    fitted, (low, high) = fit(seen(400)), bootstrap(seen(400), rounds=300)
    assert bool(((low < fitted.weights) & (fitted.weights < high)).all())
    assert torch.allclose((high - low) / (2 * 1.96), fitted.standard_errors, rtol=0.25)
    assert all(map(torch.equal, bootstrap(seen(40), rounds=20), bootstrap(seen(40), rounds=20)))


def test_agreement_counts_a_draw_half():
    differences = torch.tensor([[1.0], [2.0], [-1.0], [0.0]], dtype=torch.float64)
    assert agreement(differences, torch.tensor([3.0]).double()) == 2.5 / 4
    assert agreement(-differences, torch.tensor([3.0]).double()) == 1.5 / 4


def test_picks_that_were_held_out_are_not_foretold_where_there_is_nothing_to_learn():
    generator = torch.Generator().manual_seed(0)
    noise = [torch.randn(12, 5, generator=generator, dtype=torch.float64) for _ in range(100)]
    inside = sum(agreement(part, fit(part).weights) for part in noise) / 100
    outside = sum(held_out_agreement(part) for part in noise) / 100
    assert inside > 0.75 and abs(outside - 0.5) < 0.08


def test_every_pick_is_held_out_once():
    differences = seen(23)
    assert (held_out_agreement(differences) * 23 * 2) % 1 == pytest.approx(0, abs=1e-9)
    alike = torch.ones(7, 1, dtype=torch.float64)
    assert held_out_agreement(alike) == 1 and held_out_agreement(alike[:2]) == 1


@pytest.mark.parametrize("metrics", [2, 5])
def test_from_the_least_number_of_picks_on_learned_weights_beat_equal_ones_also_for_an_unsteady_person(metrics):
    least = minimum_picks(metrics)
    gain = gains("any", metrics, least, people=60, strength=0.5)
    assert float(gain.mean()) > 2 * float(gain.std()) / math.sqrt(60)
    assert float(gains("any", metrics, least // 4, people=60, strength=0.5).mean()) < 0, "and a quarter of them is too few"
    assert float(gains("equal", metrics, least, people=60, strength=0.5).mean()) > -0.03, "at little cost where equal weights are right"


def test_simulated_people_choose_as_they_weigh():
    generator = torch.Generator().manual_seed(0)
    steady = person("one", 3, 50.0, generator)
    best_and_worst = choices(steady, photos(300, 3, 0.3, generator), generator)
    assert agreement(best_and_worst, steady) == 1
    assert agreement(choices(0 * steady, photos(2000, 3, 0.3, generator), generator), steady) == pytest.approx(0.5, abs=0.05)
