"""SSIMULACRA 2 as a metric of ttpo: the score of its package on the same files, its order, its smallest image."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from ssimulacra2 import compute_ssimulacra2

from ttpo_cli.errors import UsageError
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.metrics.catalog import load_metric
from ttpo_cli.metrics.metric import score

CPU = torch.device("cpu")
SAMPLE = Path(__file__).parents[2] / "samples" / "coffee.jpg"


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A sharp photo of 256 px as a file, and two JPEG copies of it."""
    folder = tmp_path_factory.mktemp("ssimulacra2")
    with Image.open(SAMPLE) as image:
        sharp = image.convert("RGB").resize((256, 256), Image.Resampling.LANCZOS)
    sharp.save(folder / "true.png")
    for quality in (90, 20):
        sharp.save(folder / f"{quality}.jpg", quality=quality)
    return folder


def image_of(path):
    return read_photo(path).pixels


def test_scores_are_the_packages_of_the_same_files_and_fall_with_the_quality(photo):
    metric = load_metric("ssimulacra2", CPU)
    true = image_of(photo / "true.png")
    copies = torch.cat([image_of(photo / name) for name in ("90.jpg", "20.jpg")])
    scores = score(metric, copies, true.expand_as(copies))
    expected = [compute_ssimulacra2(photo / "true.png", photo / name) for name in ("90.jpg", "20.jpg")]
    assert scores.tolist() == pytest.approx(expected, abs=1e-6)
    # Its published meaning: 90 is hard to tell from the original, 70 high quality, 50 medium, 30 low.
    assert scores[0] > 70 > 60 > scores[1]
    assert float(score(metric, true, true)) == pytest.approx(100, abs=1e-6)


def test_an_image_without_all_six_scales_is_refused(photo):
    metric = load_metric("ssimulacra2", CPU)
    true = image_of(photo / "true.png")
    assert score(metric, true[..., :225, :225], true[..., :225, :225]).shape == (1,)
    with pytest.raises(UsageError, match="at least 225x225 px"):
        score(metric, true[..., :224], true[..., :224])
