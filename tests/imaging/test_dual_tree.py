"""The dual tree's low band has the properties its filters were designed for."""

import pytest
import torch

from ttpo_cli.imaging.dual_tree import NEAR_SYMMETRIC, QUARTER_SHIFT, dual_tree_low_band
from ttpo_cli.imaging.wavelets import low_band


def test_the_quarter_shift_filter_is_orthonormal_to_its_even_shifts_and_blind_to_the_finest_stripes():
    taps = torch.tensor(QUARTER_SHIFT, dtype=torch.float64)
    products = [float((taps[2 * shift :] * taps[: len(taps) - 2 * shift]).sum()) for shift in range(7)]
    assert products == pytest.approx([1, 0, 0, 0, 0, 0, 0], abs=1e-7)
    assert float(taps.sum()) == pytest.approx(2**0.5, abs=1e-7)
    for filtered in (taps, torch.tensor(NEAR_SYMMETRIC, dtype=torch.float64)):
        assert float(filtered[::2].sum()) == pytest.approx(float(filtered[1::2].sum()), abs=2e-6)


def test_the_two_trees_of_an_axis_sample_a_ramp_evenly_half_a_sample_apart():
    """A quarter of a sample from each filter, up to the design's own error of 4 %; both axes alike."""
    ramp = torch.arange(256.0, dtype=torch.float64)[None, None, None].expand(1, 1, 256, 256)
    first, second = (dual_tree_low_band(ramp)[0, tree, 16, 8:24] / 4 for tree in (0, 1))
    assert torch.allclose(first.diff(), torch.full((15,), 8.0, dtype=torch.float64), atol=1e-5)
    assert torch.allclose(second - first, torch.full((16,), 4.0, dtype=torch.float64), atol=0.3)
    assert torch.allclose(dual_tree_low_band(ramp.mT)[0, 2, 8:24, 16] / 4, second)


def test_a_constant_keeps_its_value_times_the_gain_at_any_size():
    band = dual_tree_low_band(torch.full((2, 3, 41, 52), 0.3, dtype=torch.float64))
    assert band.shape == (2, 12, 6, 7)
    assert torch.allclose(band, torch.full_like(band, 1.2), atol=1e-6)


def test_its_energy_hardly_depends_on_where_a_spot_lies_unlike_haars():
    places = torch.arange(96, dtype=torch.float64)

    def variation(transform):
        spots = [torch.exp(-((places - 44 - shift) ** 2) / 8) for shift in range(8)]
        energies = torch.stack([transform((spot[:, None] * spot)[None, None]).square().sum() for spot in spots])
        return float(energies.std() / energies.mean())

    assert variation(dual_tree_low_band) < 0.01
    assert variation(lambda image: low_band(low_band(low_band(image)))) > 0.1
