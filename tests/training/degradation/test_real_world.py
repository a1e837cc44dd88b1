"""Second-order degradation: kernels of the stated shape, noise of the stated size, and the same wear for the same draws."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import special
from torch import Tensor

from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.training.data import step_generator
from ttpo_cli.training.degradation import real_world
from ttpo_cli.training.degradation.real_world import (
    FIRST,
    PROFILES,
    SECOND,
    Order,
    Severity,
    blur_kernel,
    degrade_twice,
    severity,
    sinc_kernel,
)
from ttpo_cli.training.lfc.data import DataOptions, degraded, read_pairs


def moments(kernel: Tensor) -> np.ndarray:
    offsets = np.arange(len(kernel)) - len(kernel) // 2
    rows, columns = np.meshgrid(offsets, offsets, indexing="ij")
    weights = kernel.double().numpy()
    return np.array(
        [[(weights * columns**2).sum(), (weights * columns * rows).sum()], [(weights * columns * rows).sum(), (weights * rows**2).sum()]]
    )


def test_a_turned_gaussian_has_the_covariance_it_was_asked_for() -> None:
    angle, long, short = 0.6, 3.0, 1.2
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    expected = turn @ np.diag([long**2, short**2]) @ turn.T
    assert np.allclose(moments(blur_kernel(41, long, short, angle)), expected, rtol=0.01)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_kernel_sums_to_one_and_beta_one_of_the_generalised_is_the_gaussian(profile: str) -> None:
    kernel = blur_kernel(15, 2.0, 1.0, 0.3, profile, 1.7)
    assert float(kernel.sum()) == pytest.approx(1)
    assert float(kernel.max()) == float(kernel[7, 7])
    assert torch.allclose(blur_kernel(15, 2.0, 1.0, 0.3, "generalised", 1.0), blur_kernel(15, 2.0, 1.0, 0.3))
    assert not torch.allclose(kernel, blur_kernel(15, 2.0, 1.0, 0.3), atol=1e-3) or profile == "gaussian"


def test_the_sinc_is_the_airy_profile_of_its_cutoff() -> None:
    kernel = sinc_kernel(21, 1.5)
    radius = np.hypot(3, 4)
    expected = (1.5 * special.j1(1.5 * radius) / (2 * math.pi * radius)) / (1.5**2 / (4 * math.pi))
    assert float(kernel[10 + 3, 10 + 4] / kernel[10, 10]) == pytest.approx(expected, rel=1e-4)
    assert float(kernel.sum()) == pytest.approx(1)
    assert float(kernel.min()) < 0  # it rings


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_size_is_the_scales_whatever_was_drawn_between_and_values_are_8_bit(scale: int) -> None:
    hq = torch.rand(1, 3, 50, 61)
    for seed in range(6):
        lq = degrade_twice(hq, scale, step_generator(seed, 0))
        assert lq.shape == (1, 3, 50 // scale, 61 // scale)
        assert float(lq.min()) >= 0
        assert float(lq.max()) <= 1
        assert torch.allclose(lq * 255, (lq * 255).round(), atol=1e-4)


def test_the_same_draws_wear_alike_and_others_do_not() -> None:
    hq = torch.rand(1, 3, 48, 48)
    first, again, other = (degrade_twice(hq, 4, step_generator(*key)) for key in ((1, 2), (1, 2), (1, 3)))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_worn_photo_is_still_that_photo() -> None:
    """Over many draws the mean colour stays, and the degraded image is nearer to its own photo than to another."""
    generator = torch.Generator().manual_seed(0)
    photos = [
        torch.nn.functional.interpolate(torch.rand(1, 3, 4, 4, generator=generator), size=(64, 64), mode="bicubic").clamp(0, 1)
        for _ in range(2)
    ]
    small = [torch.nn.functional.interpolate(photo, size=(16, 16), mode="area") for photo in photos]
    for seed in range(12):
        lq = degrade_twice(photos[0], 4, step_generator(seed, 1))
        assert float((lq - small[0]).square().mean()) < float((lq - small[1]).square().mean())


@pytest.mark.parametrize("kind", ["gaussian", "poisson"])
def test_noise_has_the_deviation_that_was_drawn(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real_world, "_draw", lambda generator: 0.45 if kind == "gaussian" else 0.55)
    order = Order(0.0, (1, 1), (0, 0, 1), (1, 1), (10, 10), (2.0, 2.0))
    image = torch.full((1, 3, 128, 128), 0.5)
    image[..., 0, :] = torch.linspace(0, 1, 128)  # 128 grey levels, so that the shot noise counts in 128 steps
    noisy = real_world._noisy(image, order, torch.Generator().manual_seed(0))[..., 1:, :]
    levels = 2.0 ** math.ceil(math.log2(len(((image * 255).round()).unique())))
    expected = 10 / 255 if kind == "gaussian" else 2 * math.sqrt(0.5 * levels) / levels
    assert float(noisy.std()) == pytest.approx(expected, rel=0.05)
    assert float(noisy.mean()) == pytest.approx(0.5, abs=0.005)


def test_the_published_ranges() -> None:
    assert (FIRST.sigma, FIRST.factor, FIRST.noise, FIRST.poisson) == ((0.2, 3.0), (0.15, 1.5), (1, 30), (0.05, 3.0))
    assert sum(share for *_, share in real_world._KERNELS) == pytest.approx(1)


def test_crops_of_a_real_run_are_worn_anew_and_bicubic_ones_left_alone() -> None:
    hq = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    lq = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    assert degraded(hq, lq, 4, DataOptions(), step_generator(0, 0)) is lq
    assert degraded(hq, lq, 4, DataOptions(degradation="real", lq="pairs"), step_generator(0, 0)) is lq
    first, other = (degraded(hq, lq, 4, DataOptions("real"), step_generator(0, step)) for step in range(2))
    assert first.shape == lq.shape
    assert not torch.equal(first, other)


def test_pairs_come_from_two_folders_by_name_and_what_does_not_fit_is_named(tmp_path: Path) -> None:
    high, low = tmp_path / "high", tmp_path / "low"
    high.mkdir()
    low.mkdir()
    for name, size in (("a", 16), ("b", 16), ("c", 12), ("d", 16)):
        Image.new("RGB", (64, 64), (200, 0, 0)).save(high / f"{name}.png")
        if name != "d":
            Image.new("RGB", (size, size), (10, 20, 30)).save(low / f"{name}.png")
    pairs, _, left_out = read_pairs(sorted(high.iterdir()), 8, 4, DataOptions(lq=str(low)))
    assert [pair.name for pair in pairs] == ["a.png", "b.png"]
    assert pairs[0].lq[:, 0, 0].tolist() == [10, 20, 30]
    assert any("c.png: 12x12 and 64x64 are not a pair" in line for line in left_out)
    assert any("d.png" in line and "no photo of this name" in line for line in left_out)
    with pytest.raises(UsageError, match="is not a folder"):
        read_pairs(sorted(high.iterdir()), 8, 4, DataOptions(lq=str(tmp_path / "none")))
    with pytest.raises(UsageError, match="did you mean real"):
        read_pairs(sorted(high.iterdir()), 8, 4, DataOptions("reel"))
    with pytest.raises(TtpoError, match="no photo is left"):
        read_pairs([high / "d.png"], 8, 4, DataOptions(lq=str(low)))


def test_a_milder_degradation_reaches_a_share_of_every_range_and_the_full_one_is_the_published() -> None:
    assert severity(1.0) == Severity(FIRST, SECOND, 30)
    half = severity(0.5)
    assert half.first.sigma == pytest.approx((0.2, 1.6)) and half.first.noise == pytest.approx((1, 15.5))
    assert half.first.factor == pytest.approx((0.575, 1.25)) and half.quality == 62 and half.first.resize == FIRST.resize
    for strength in (0.0, -1.0, 1.01):
        with pytest.raises(UsageError, match="strength"):
            severity(strength)


def test_a_milder_degradation_leaves_more_of_the_photo() -> None:
    generator = torch.Generator().manual_seed(5)
    hq = torch.nn.functional.interpolate(torch.rand(1, 3, 24, 24, generator=generator), size=(96, 96), mode="bilinear")
    clean = torch.nn.functional.interpolate(hq, size=(48, 48), mode="area")
    errors = [
        sum(float((degrade_twice(hq, 2, step_generator(seed, 0), strength) - clean).square().mean()) for seed in range(8))
        for strength in (0.1, 0.5, 1.0)
    ]
    assert errors == sorted(errors)
