import pytest
import torch

from ttpo_cli.diffusion.schedule import flow_to_sigma, karras_sigmas, sigma_to_flow
from ttpo_cli.errors import UsageError


def test_flow_time_and_sigma_are_inverse_to_each_other() -> None:
    assert flow_to_sigma(0.3) == pytest.approx(3 / 7)
    for flow in (0.0, 0.1, 0.7, 0.98):
        assert sigma_to_flow(flow_to_sigma(flow)) == pytest.approx(flow)


def test_flow_time_one_is_refused_because_its_sigma_is_infinite() -> None:
    with pytest.raises(UsageError, match="flow time"):
        flow_to_sigma(1.0)


def test_karras_levels_equal_equation_5_of_edm() -> None:
    levels = karras_sigmas(80.0, 0.002, 17)
    expected = [(80 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7 for i in range(18)]
    assert torch.allclose(levels, torch.tensor(expected, dtype=torch.float64), rtol=1e-9)
    assert bool((levels.diff() < 0).all())


@pytest.mark.parametrize(("top", "bottom", "steps"), [(0.1, 0.2, 4), (0.1, 0.0, 4), (0.4, 0.1, 0)])
def test_levels_that_make_no_sense_are_refused(top: float, bottom: float, steps: int) -> None:
    with pytest.raises(UsageError):
        karras_sigmas(top, bottom, steps)
