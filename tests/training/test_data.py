from pathlib import Path

import pytest
import torch
from PIL import Image

from ttpo_cli.errors import TtpoError
from ttpo_cli.training.data import Pair, dihedral, draw_crops, find_photos, hold_back, read_photos, step_generator


def _pair(name: str, height: int, width: int) -> Pair:
    """hq encodes its own position, so that alignment can be read off the pixels."""
    rows = torch.arange(height)[:, None].expand(height, width)
    columns = torch.arange(width)[None].expand(height, width)
    hq = torch.stack((rows, columns, rows * 0)).to(torch.uint8)
    return Pair(name, hq, hq[:, ::2, ::2])


def test_crops_of_both_sizes_show_the_same_place_in_the_same_orientation() -> None:
    pairs = [_pair("a", 40, 60), _pair("b", 80, 30)]
    lq, hq = draw_crops(pairs, 16, 8, 2, step_generator(0, 3))
    assert lq.shape == (16, 3, 8, 8)
    assert hq.shape == (16, 3, 16, 16)
    means = hq.float().view(16, 3, 8, 2, 8, 2).mean(dim=(3, 5))
    assert float((means - lq.float())[:, :2].abs().max()) <= 0.5


def test_the_crops_of_a_step_depend_on_seed_and_step_alone() -> None:
    pairs = [_pair("a", 60, 60)]
    first, again, other = (draw_crops(pairs, 4, 8, 2, step_generator(*key))[0] for key in ((1, 7), (1, 7), (1, 8)))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_eight_symmetries_are_distinct_and_keep_all_pixels() -> None:
    square = torch.arange(9).view(1, 3, 3)
    turned = [tuple(dihedral(square, symmetry).flatten().tolist()) for symmetry in range(8)]
    assert len(set(turned)) == 8
    assert all(sorted(values) == list(range(9)) for values in turned)


def test_every_tenth_photo_is_held_back_and_none_is_in_both_parts() -> None:
    paths = [Path(f"{index:02d}.png") for index in range(25)]
    training, held = hold_back(paths)
    assert [path.stem for path in held] == ["09", "19"]
    assert sorted(training + held) == paths


def test_unreadable_and_small_photos_are_left_out_by_name(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "good.png")
    Image.new("RGB", (10, 64)).save(tmp_path / "narrow.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    (tmp_path / "notes.txt").write_text("no photo")
    photos, left_out = read_photos(find_photos([tmp_path]), minimum=32)
    assert [name for name, _ in photos] == ["good.png"]
    assert any("narrow.png" in line for line in left_out)
    assert any("broken.png" in line for line in left_out)


def test_an_empty_folder_and_a_missing_one_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(TtpoError, match="no photo found"):
        find_photos([tmp_path])
    with pytest.raises(TtpoError, match="does not exist"):
        find_photos([tmp_path / "nowhere"])
