from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ttpo_cli.errors import TtpoError
from ttpo_cli.training.data import (
    Pair,
    bicubic_pairs,
    dihedral,
    draw_crops,
    find_photos,
    hold_back,
    read_photos,
    read_uint8,
    step_generator,
)
from ttpo_cli.training.lfc.data import DataOptions, read_pairs


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


def test_sixteen_bits_grey_and_turned_photos_are_read_as_they_look(tmp_path: Path) -> None:
    ramp = np.arange(0, 65536, 256, dtype=np.uint16).reshape(8, 32)
    Image.fromarray(ramp).save(tmp_path / "grey16.png")
    pixels = read_uint8(tmp_path / "grey16.png")
    expected = torch.from_numpy(np.round(ramp / 257).astype(np.uint8))
    assert torch.equal(pixels, expected.expand(3, 8, 32))
    turned = Image.new("RGB", (40, 20))
    exif = turned.getexif()
    exif[274] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif)
    assert read_uint8(tmp_path / "turned.jpg").shape == (3, 40, 20)


def test_a_folder_given_twice_counts_once_and_a_runs_own_images_do_not(tmp_path: Path) -> None:
    (tmp_path / "run" / "images").mkdir(parents=True)
    for name in ("a.png", "b.png", "run/images/a_1.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    assert [path.name for path in find_photos([tmp_path, tmp_path], without=tmp_path / "run")] == ["a.png", "b.png"]
    assert len(find_photos([tmp_path])) == 3


@pytest.mark.parametrize("kind", ["unreadable", "small", "a bomb"])
def test_a_held_back_photo_that_cannot_be_used_is_named_and_the_first_shown_in_its_place(tmp_path: Path, kind: str) -> None:
    for index in range(9):
        Image.new("RGB", (40, 40)).save(tmp_path / f"{index}.png")
    if kind == "unreadable":
        (tmp_path / "9.png").write_bytes(b"no image")
    else:
        Image.new("1", (20, 20) if kind == "small" else (16000, 13000)).save(tmp_path / "9.png")
    training, held, left_out = read_pairs(find_photos([tmp_path]), 8, 4, DataOptions())
    assert len(training) == 9 and held == training[:1]
    assert len(left_out) == 1 and "9.png" in left_out[0]


def test_low_resolution_crops_are_those_of_the_benchmarks(shared_data: Path) -> None:
    paths = [shared_data / "benchmark" / "Set5_x4" / f"img_00{number}_SRF_4_HR.png" for number in (1, 4)]
    for pair, path in zip(bicubic_pairs(read_photos(paths, 32, 4)[0], 4), paths, strict=True):
        difference = (pair.lq.int() - read_uint8(path.with_name(path.name.replace("_HR", "_LR"))).int()).abs()
        assert difference.max() <= 1 and (difference > 0).double().mean() < 1e-3


def test_a_partner_may_be_another_kind_of_file_or_named_as_div2k_does(tmp_path: Path) -> None:
    for side in ("high", "low"):
        (tmp_path / side).mkdir()
    for name, partner in (("0001", "0001x4.png"), ("b", "b.jpg")):
        Image.new("RGB", (64, 64)).save(tmp_path / "high" / f"{name}.png")
        Image.new("RGB", (16, 16)).save(tmp_path / "low" / partner)
    pairs, _, left_out = read_pairs(find_photos([tmp_path / "high"]), 8, 4, DataOptions(lq=str(tmp_path / "low")))
    assert [pair.name for pair in pairs] == ["0001.png", "b.png"] and not left_out


def test_an_empty_folder_and_a_missing_one_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(TtpoError, match="no photo found"):
        find_photos([tmp_path])
    with pytest.raises(TtpoError, match="does not exist"):
        find_photos([tmp_path / "nowhere"])
