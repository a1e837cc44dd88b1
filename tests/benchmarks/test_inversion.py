from dataclasses import replace

import pytest
from analytic_prior import gaussian_denoiser, gaussian_prior, smooth_image

from ttpo_cli.benchmarks.inversion import round_trips


def test_the_error_of_a_round_trip_falls_as_the_order_of_each_solver_says() -> None:
    prior = replace(gaussian_prior(), denoise=lambda x, sigma, centre: gaussian_denoiser(0.2)(x, sigma, 0.5 * centre))
    trips = {(trip.solver, trip.steps): trip for trip in round_trips(prior, smooth_image(20, 28), 0.25, [32, 64])}
    assert trips["euler", 32].rms / trips["euler", 64].rms == pytest.approx(2, rel=0.2)
    assert trips["heun", 32].rms / trips["heun", 64].rms > 3.4
    assert trips["heun", 32].calls == 2 * trips["euler", 32].calls == 128
