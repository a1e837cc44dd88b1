"""What noise and compression leave of a photo's agreement with its scene."""

from dataclasses import replace

import pytest
import torch
from inspected import CLEAN, NOISY

from ttpo_cli.inspection.agreement import ROUNDING, compression_error, expected_agreement


def test_what_the_guard_may_ask_follows_noise_and_compression():
    assert expected_agreement(CLEAN, 1.0) == ROUNDING
    assert expected_agreement(NOISY, 1.0) == pytest.approx(28.13, abs=0.01)  # 20 log10(255 / 10)
    assert expected_agreement(NOISY, 0.5) == pytest.approx(28.13 + 6.02, abs=0.01)
    assert expected_agreement(replace(CLEAN, jpeg_quality_estimated=50.0), 1.0) == pytest.approx(30.1, abs=0.01)
    both = expected_agreement(replace(NOISY, jpeg_quality=50.0), 1.0)
    assert both < min(28.13, 30.1)


def test_compression_errs_less_at_higher_qualities():
    errors = [compression_error(float(quality)) for quality in range(1, 101)]
    assert errors == sorted(errors, reverse=True) and compression_error(None) == 0
    assert torch.tensor(compression_error(75.0)).log10().mul(-10).item() == pytest.approx(32.7, abs=0.1)
