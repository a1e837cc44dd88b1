import math

import pytest
import torch

from ttpo_cli.diffusion.frequency import SPLITS, gaussian_low_pass, haar_low_pass


@pytest.mark.parametrize(("frequency", "gain"), [((0, 0), 1.0), ((8, 0), 0.926), ((16, 0), 0.735), ((16, 16), 0.540)])
def test_the_gaussian_gain_is_the_papers_at_d0_of_0_9(frequency: tuple[int, int], gain: float) -> None:
    size = 32
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    wave = torch.cos(2 * math.pi * (frequency[0] * rows + frequency[1] * columns) / size)[None, None]
    passed = gaussian_low_pass(0.9)(wave)
    assert torch.allclose(passed, gain * wave, atol=2e-3)


@pytest.mark.parametrize("name", SPLITS)
def test_the_low_band_keeps_the_mean_and_the_high_band_has_none(name: str) -> None:
    x = torch.rand(2, 3, 16, 24)
    low = SPLITS[name](1.0)(x)
    assert low.shape == x.shape
    assert torch.allclose(low.mean(dim=(2, 3)), x.mean(dim=(2, 3)), atol=1e-5)


def test_the_haar_split_is_a_projection_onto_block_means() -> None:
    x = torch.rand(1, 2, 16, 16)
    low = haar_low_pass(2)
    assert torch.allclose(low(low(x)), low(x), atol=1e-6)
    assert torch.allclose(low(x)[..., :4, :4], x[..., :4, :4].mean(dim=(2, 3), keepdim=True).expand(1, 2, 4, 4), atol=1e-6)


def test_the_split_is_over_height_and_width_not_over_channels() -> None:
    x = torch.zeros(1, 2, 16, 16)
    x[:, 0] = torch.rand(16, 16)
    for make in SPLITS.values():
        assert float(make(1.0)(x)[:, 1].abs().max()) == 0
