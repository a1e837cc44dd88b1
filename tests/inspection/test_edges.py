"""Edges: an ideal edge behind a known blur loses what the formula says."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from ttpo_cli.inspection.edges import gradient_losses


@pytest.mark.parametrize("blur", [1.0, 2.0, 3.0])
def test_an_edge_loses_what_its_blur_says(blur):
    plane = np.zeros((96, 96))
    plane[:, 48:] = 200
    expected = np.log(1.5**2 / (blur**2 + 1.5**2) + 1e-3)
    assert gradient_losses([gaussian_filter(plane, blur)], 1.5, 1.5)[1] == pytest.approx(expected, abs=0.1)
