"""The range of float photos: as it should be, slightly beyond, or another one that is found and said."""

import numpy as np
import pytest

from ttpo_cli.imaging.float_range import to_unit_range

RAMP = np.linspace(0, 1, 60, dtype=np.float32).reshape(3, 4, 5)


@pytest.mark.parametrize(("factor", "white"), [(255, 255), (253.9, 255), (65535, 65535), (4, 4), (1000, 1023), (4095, 4095), (9e4, 9e4)])
def test_another_range_is_scaled_and_said(factor, white):
    planes, notes = to_unit_range(RAMP * factor)
    np.testing.assert_allclose(planes, RAMP * (factor / white), atol=1e-5)
    assert f"{white:g} white" in notes[0]


def test_negative_values_are_scaled_from_the_least_to_the_largest():
    planes, notes = to_unit_range(RAMP * 200 - 100)
    np.testing.assert_allclose(planes, RAMP, atol=1e-5)
    assert "from -100 to 100" in notes[0]


def test_a_little_beyond_is_clipped():
    planes, notes = to_unit_range(RAMP * 1.5 - 0.2)
    np.testing.assert_allclose(planes, (RAMP * 1.5 - 0.2).clip(0, 1), atol=1e-6)
    assert "clipped" in notes[1]
