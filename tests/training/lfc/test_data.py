"""Second-order degradations of the strengths asked for, and ranges that cannot be."""

from pathlib import Path

import pytest
import torch

from ttpo_cli.errors import UsageError
from ttpo_cli.training.degradation.real_world import degrade_twice
from ttpo_cli.training.lfc.data import DataOptions, degraded, read_pairs


def crops(count: int = 4) -> torch.Tensor:
    return torch.randint(256, (count, 3, 64, 64), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def real(strength: tuple[float, ...], count: int = 4) -> torch.Tensor:
    hq = crops(count)
    return degraded(hq, hq, 4, DataOptions(degradation="real", strength=strength), torch.Generator().manual_seed(2))


def test_without_a_range_nothing_more_is_drawn_so_that_older_runs_go_on_with_the_same_crops() -> None:
    generator = torch.Generator().manual_seed(2)
    expected = [degrade_twice(crop[None].float() / 255, 4, generator) for crop in crops()]
    assert torch.equal(real((1.0, 1.0)).float() / 255, torch.cat(expected))


def test_each_crop_has_a_strength_of_its_own() -> None:
    mild, all_of_them = real((0.1, 0.1)), real((0.1, 1.0))
    assert not torch.equal(mild, all_of_them)
    assert torch.equal(all_of_them, real((0.1, 1.0)))


@pytest.mark.parametrize("strength", [(0.5,), (0.0, 1.0), (0.8, 0.2), (0.5, 1.5)])
def test_a_range_that_cannot_be_is_refused(photo_folder: Path, strength: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match=r"data.strength is \[least, greatest\]"):
        read_pairs(sorted(photo_folder.iterdir()), 8, 4, DataOptions(degradation="real", strength=strength))
