"""A teacher's images of the fixed crops: the backbone's own, made once, turned with their crops, refused where they do not fit."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ttpo_cli.backbones.catalog import load_backbone
from ttpo_cli.errors import UsageError
from ttpo_cli.training.data import Crops, dihedral, draw_from_bank, to_float
from ttpo_cli.training.distributed import alone
from ttpo_cli.training.lfc import distillation
from ttpo_cli.training.lfc.distillation import with_teacher

CPU = torch.device("cpu")


def bank(count: int = 4, side: int = 16) -> Crops:
    generator = torch.Generator().manual_seed(0)
    lq, hq = (torch.randint(256, (count, 3, size, size), generator=generator, dtype=torch.uint8) for size in (side, 4 * side))
    return Crops(lq=lq, hq=hq, places=torch.arange(count), symmetries=torch.zeros(count, dtype=torch.long))


def taught(crops: Crops, path: Path, name: str = "lfc-sr-small", scale: int = 4) -> Crops:
    return with_teacher(crops, name, scale, path, alone(CPU))


def test_the_images_are_the_backbones_and_free_of_its_border(tmp_path: Path) -> None:
    crops = bank()
    found = taught(crops, tmp_path / "run" / "teacher.safetensors").teacher
    assert found is not None and found.shape == crops.hq.shape and found.dtype == torch.uint8
    network = load_backbone("lfc-sr-small").network
    with torch.no_grad():
        plain = network(to_float(crops.lq))  # type: ignore[arg-type]
    inner = (..., slice(24, 40), slice(24, 40))
    assert float((to_float(found)[inner] - plain.clamp(0, 1)[inner]).abs().mean()) < 0.02


def test_a_drawn_batch_holds_the_teachers_image_turned_as_its_crop(tmp_path: Path) -> None:
    crops = taught(bank(), tmp_path / "teacher.safetensors")
    assert crops.teacher is not None
    batch = draw_from_bank(crops, 4, seed=1, step=0)
    assert batch.teacher is not None
    for place, symmetry, image in zip(batch.places.tolist(), batch.symmetries.tolist(), batch.teacher, strict=True):
        assert torch.equal(image, dihedral(crops.teacher[place], symmetry))


def test_they_are_made_once_and_those_of_other_crops_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, crops = tmp_path / "teacher.safetensors", bank()
    first = taught(crops, path).teacher
    calls: list[object] = []
    monkeypatch.setattr(distillation, "restore", lambda *arguments: calls.append(arguments))
    again = taught(crops, path).teacher
    assert first is not None and again is not None and torch.equal(first, again) and calls == []
    with pytest.raises(UsageError, match="made from other options or photos"):
        taught(replace(crops, lq=crops.lq.flip(0)), path)


def test_a_teacher_of_another_scale_and_crops_too_small_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="enlarges by 4, the run by 2"):
        taught(bank(), tmp_path / "teacher.safetensors", scale=2)
    with pytest.raises(UsageError, match="more than 8 pixels"):
        taught(bank(side=8), tmp_path / "teacher.safetensors")
