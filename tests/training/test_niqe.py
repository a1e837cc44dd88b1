"""NIQE's pristine model: which blocks it learns from, what it writes, and that its own photos lie at its level."""

import json

import pytest
import torch

from ttpo_cli.cli.app import program
from ttpo_cli.errors import TtpoError
from ttpo_cli.imaging.filters import gaussian_blur
from ttpo_cli.imaging.photo import Metadata, Photo
from ttpo_cli.imaging.writing import write_photo
from ttpo_cli.metrics.catalog import load_metric
from ttpo_cli.metrics.metric import score
from ttpo_cli.training.niqe import sharp_features, train_niqe


def texture(seed, height=288, width=288):
    """A textured image that differs in every block, so that 36 features vary."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(1, 3, height, width, generator=generator)
    rows = torch.linspace(0.05, 0.3, height).view(1, 1, -1, 1)
    return (0.5 + rows * gaussian_blur(noise, 0.6 + 0.1 * (seed % 5)) + 0.05 * noise).clamp(0, 1)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(12):
        path = folder / f"{seed:02d}.png"
        write_photo(path, Photo(texture(seed), None, False, 8, "png", Metadata(), "0" * 64, path.name))
    return folder


def test_a_blurred_background_teaches_nothing():
    image = texture(0)
    blurred = image.clone()
    blurred[..., 192:] = gaussian_blur(image, 3.0)[..., 192:]
    everything, sharp = sharp_features(image, 0.0), sharp_features(blurred, 0.75)
    assert len(everything) == 9 and len(sharp) < 9
    assert all(any(torch.allclose(row, other, rtol=0, atol=0.1) for other in everything) for row in sharp)


def test_the_trained_model_has_a_level_and_its_own_photos_lie_near_it(photos, tmp_path, capsys):
    output = tmp_path / "mine.safetensors"
    assert program(["train", "niqe", str(photos), "-o", str(output), "--shrink", "1", "--sharpness", "0"]) == 0
    metric = load_metric("niqe", torch.device("cpu"), output)
    assert metric.pristine is not None and metric.scale is not None
    assert score(metric, texture(3)).item() < 2 * metric.pristine
    assert score(metric, gaussian_blur(texture(3), 2.0)).item() > 2 * metric.pristine
    assert "held-back" in capsys.readouterr().err
    assert program(["train", "niqe", str(photos), "-o", str(output)]) == 2  # it exists


def test_photos_held_back_do_not_enter_the_model(photos):
    paths = sorted(photos.glob("*.png"))
    state, metadata = train_niqe(paths, sharpness=0.0, shrink=1)
    assert (metadata["photos"], metadata["held_back"], metadata["blocks"]) == (9, 3, 81)
    kept = torch.cat([sharp_features(texture_of(path), 0.0) for index, path in enumerate(paths) if index % 4 != 3])
    assert torch.allclose(state["mean"], kept.mean(dim=0))
    assert torch.allclose(state["covariance"], kept.T.cov())
    json.dumps(metadata)


def texture_of(path):
    from ttpo_cli.imaging.reading import read_photo

    return read_photo(path).pixels


def test_fewer_photos_than_leave_one_for_the_pristine_level_are_an_error_that_says_how_many_are_needed(photos):
    with pytest.raises(TtpoError, match=r"too few photos \(3\): one in 4 .* give at least 4"):
        train_niqe(sorted(photos.glob("*.png"))[:3], shrink=1)


def test_too_few_blocks_are_an_error_that_counts_them(photos):
    with pytest.raises(TtpoError, match="needed: 72"):
        train_niqe(sorted(photos.glob("*.png"))[:4], shrink=1)
