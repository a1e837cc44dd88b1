"""The bank of degraded photos: three aligned images of each scene, ways in turn, made once, drawn with one symmetry."""

from pathlib import Path

import pytest
import torch

from ttpo_cli.backbones.catalog import load_backbone
from ttpo_cli.errors import UsageError
from ttpo_cli.metrics.psnr import psnr
from ttpo_cli.training.cache import file_fingerprints
from ttpo_cli.training.crop_bank import BankOptions
from ttpo_cli.training.data import to_float
from ttpo_cli.training.degraded_bank import DegradedBank, Way, draw_degraded, load_or_make_degraded, ways_of

CPU = torch.device("cpu")
OPTIONS = BankOptions(6, 48, 0)


@pytest.fixture(scope="module")
def photos(photo_folder: Path) -> list[Path]:
    return sorted(photo_folder.iterdir())


@pytest.fixture(scope="module")
def ways() -> list[Way]:
    return ways_of([load_backbone("lfc-sr-small")])


@pytest.fixture(scope="module")
def stored(photos: list[Path], ways: list[Way], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bank") / "bank.safetensors"
    load_or_make_degraded(path, photos, ways, OPTIONS, file_fingerprints(photos), CPU)
    return path


@pytest.fixture(scope="module")
def bank(photos: list[Path], ways: list[Way], stored: Path) -> DegradedBank:
    return load_or_make_degraded(stored, photos, ways, OPTIONS, file_fingerprints(photos), CPU)


def test_the_ways_are_whole_photos_halves_the_photos_own_size_and_bicubic(ways: list[Way]) -> None:
    names = [way.name for way in ways]
    assert names == ["lfc-sr-small x4", "lfc-sr-small x4 from 0.5", "lfc-sr-small x1 from 0.5", "lfc-sr-small x1 from 0.25", "bicubic x4"]
    twice = ways_of([ways[0].backbone, ways[0].backbone])  # type: ignore[list-item]
    assert [way.name for way in twice].count("lfc-sr-small x4") == 2 and len(twice) == 6


def test_an_entry_is_one_scene_three_times(bank: DegradedBank) -> None:
    assert bank.ways.tolist() == [0, 1, 2, 3, 4, 0] and tuple(bank.truth.shape) == (6, 3, 48, 48)
    for crops in (bank.photo, bank.restored):
        own = psnr(to_float(crops), to_float(bank.truth))
        others = psnr(to_float(crops), to_float(bank.truth.roll(1, 0)))
        assert bool((own > others).all()) and float(own.max()) < 50
    # Bicubic interpolation of the photo is the restored image of the last way.
    assert torch.equal(bank.restored[4], bank.photo[4])
    assert not torch.equal(bank.restored[0], bank.photo[0])
    assert bool((bank.numbers.abs() <= 1.5).all()) and len(bank.numbers.unique(dim=0)) > 1


def test_it_is_made_once_and_another_one_is_refused(photos: list[Path], ways: list[Way], stored: Path) -> None:
    before = stored.read_bytes()
    load_or_make_degraded(stored, photos, ways, OPTIONS, file_fingerprints(photos), CPU)
    assert stored.read_bytes() == before
    with pytest.raises(UsageError, match="ways"):
        load_or_make_degraded(stored, photos, ways[:2], OPTIONS, file_fingerprints(photos), CPU)


def test_drawn_crops_are_turned_alike_and_lie_on_the_grid(bank: DegradedBank) -> None:
    photo, restored, truth, numbers = draw_degraded(bank, 5, 16, 4, torch.Generator().manual_seed(3))
    assert photo.shape == restored.shape == truth.shape == (5, 3, 16, 16) and numbers.shape == (5, 2)
    same = DegradedBank(photo=bank.truth, restored=bank.truth, truth=bank.truth, numbers=bank.numbers, ways=bank.ways)
    photo, restored, truth, numbers = draw_degraded(same, 5, 16, 4, torch.Generator().manual_seed(3))
    assert torch.equal(photo, truth) and torch.equal(restored, truth)
    whole = draw_degraded(bank, 2, 48, 4, torch.Generator().manual_seed(3))[2]
    assert float(whole.sum()) > 0
