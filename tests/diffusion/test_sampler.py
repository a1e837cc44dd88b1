import pytest
import torch
from analytic_prior import exact_ode, gaussian_denoiser

from ttpo_cli.diffusion.denoiser import CallCounter
from ttpo_cli.diffusion.sampler import integrate, invert, mix_noise, network_calls, seeded_noise
from ttpo_cli.diffusion.schedule import karras_sigmas
from ttpo_cli.errors import UsageError

DEVIATION = 0.3


def _error(solver: str, steps: int) -> float:
    centre = torch.rand(1, 3, 4, 4, dtype=torch.float64)
    x = centre + torch.randn(1, 3, 4, 4, dtype=torch.float64)
    reached = integrate(gaussian_denoiser(DEVIATION), x, karras_sigmas(0.8, 0.01, steps), centre, solver=solver)
    return float((reached - exact_ode(x, centre, DEVIATION, 0.8, 0.01)).abs().max() / x.std())


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("heun", 2)])
def test_the_error_falls_with_the_number_of_steps_as_the_order_of_the_solver_says(solver: str, order: int) -> None:
    torch.manual_seed(0)
    coarse = _error(solver, 32)
    torch.manual_seed(0)
    fine = _error(solver, 64)
    assert coarse / fine == pytest.approx(2**order, rel=0.15)


@pytest.mark.parametrize("solver", ["euler", "heun"])
def test_inversion_then_denoising_returns_the_image_up_to_solver_error(solver: str) -> None:
    image, centre = torch.rand(1, 3, 8, 8, dtype=torch.float64), torch.rand(1, 3, 8, 8, dtype=torch.float64)
    errors = []
    for steps in (16, 32):
        sigmas = karras_sigmas(0.5, 0.01, steps)
        inverted = invert(gaussian_denoiser(DEVIATION), image, sigmas, centre, solver=solver)
        assert float((inverted - image).abs().max()) > 0.1
        back = integrate(gaussian_denoiser(DEVIATION), inverted, sigmas, centre, solver=solver)
        errors.append(float((back - image).abs().max()))
    assert errors[1] < errors[0] / 1.8 < 0.05


def test_images_of_one_batch_follow_their_own_levels() -> None:
    x = torch.randn(2, 3, 4, 4)
    levels = torch.stack([karras_sigmas(0.3, 0.01, 6), karras_sigmas(0.1, 0.01, 6)])
    together = integrate(gaussian_denoiser(DEVIATION), x, levels, torch.zeros_like(x))
    for index in range(2):
        alone = integrate(gaussian_denoiser(DEVIATION), x[index : index + 1], levels[index], torch.zeros(1, 3, 4, 4))
        assert torch.allclose(together[index], alone[0], atol=1e-6)


@pytest.mark.parametrize(("solver", "zero"), [("euler", False), ("heun", False), ("euler", True), ("heun", True)])
def test_the_stated_number_of_network_calls_is_the_one_made(solver: str, zero: bool) -> None:
    counter = CallCounter()
    sigmas = karras_sigmas(0.3, 0.01, 5)
    if zero:
        sigmas = torch.cat((sigmas, torch.zeros(1, dtype=sigmas.dtype)))
    integrate(counter.wrap(gaussian_denoiser(DEVIATION), "test"), torch.randn(3, 3, 4, 4), sigmas, torch.zeros(3, 3, 4, 4), solver=solver)
    assert counter.calls == counter.stages["test"] == 3 * network_calls(len(sigmas) - 1, solver, ends_at_zero=zero)


def test_a_final_zero_ends_on_the_denoised_image_itself() -> None:
    x, centre = torch.randn(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    reached = integrate(gaussian_denoiser(DEVIATION), x, torch.tensor([0.2, 0.0]), centre)
    assert torch.allclose(reached, gaussian_denoiser(DEVIATION)(x, torch.tensor([0.2]), centre))


def test_eta_one_is_sdedit_and_eta_zero_the_inversion_itself() -> None:
    inverted, clean, noise = (torch.randn(2, 3, 4, 4) for _ in range(3))
    assert torch.allclose(mix_noise(inverted, clean, 0.3, noise, 1.0), clean + 0.3 * noise, atol=1e-6)
    assert torch.allclose(mix_noise(inverted, clean, 0.3, noise, 0.0), inverted, atol=1e-6)
    with pytest.raises(UsageError, match="eta"):
        mix_noise(inverted, clean, 0.3, noise, 1.2)


def test_mixed_noise_keeps_unit_variance() -> None:
    noise, other, clean = torch.randn(1, 3, 64, 64), torch.randn(1, 3, 64, 64), torch.zeros(1, 3, 64, 64)
    mixed = mix_noise(clean + 0.5 * noise, clean, 0.5, other, 0.6)
    assert float(mixed.std() / 0.5) == pytest.approx(1, abs=0.03)


def test_noise_of_a_seed_does_not_depend_on_its_batch() -> None:
    alone = seeded_noise((1, 3, 5, 5), [11], torch.device("cpu"))
    among = seeded_noise((3, 3, 5, 5), [4, 11, 7], torch.device("cpu"))
    assert torch.equal(alone[0], among[1])
    assert not torch.equal(among[0], among[1])


def test_an_unknown_solver_is_named_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="euler, heun"):
        integrate(gaussian_denoiser(1.0), torch.zeros(1, 3, 4, 4), torch.tensor([0.2, 0.1]), None, solver="huen")
