"""`ttpo degrade`: the samples are what the command makes, and each flag changes the picture."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from fakes import tiny_photo

from ttpo_cli.cli.app import program
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.writing import write_photo
from ttpo_cli.settings.output import Encoding

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
RECIPES = {
    "astronaut.png": ("astronaut", []),
    "chelsea.jpg": ("chelsea", ["--scale", "2", "--noise", "8", "--jpeg", "60"]),
    "coffee.jpg": ("coffee", ["--scale", "2", "--blur", "1.5", "--jpeg", "30"]),
    "rocket.png": ("rocket", ["--scale", "2", "--noise", "15"]),
    "camera.jpg": ("camera", ["--scale", "2", "--blur", "4", "--jpeg", "90"]),
}


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    write_photo(path, tiny_photo(height=41, width=50))
    return path


def degraded(photo, *flags):
    target = photo.with_name("low.png")
    assert program(["degrade", str(photo), "-o", str(target), "--overwrite", "-q", *flags]) == 0
    return read_photo(target).pixels


@pytest.mark.parametrize("name", RECIPES)
def test_a_sample_is_what_its_recipe_makes(name, tmp_path):
    data = pytest.importorskip("skimage.data")
    from PIL import Image

    source, flags = RECIPES[name]
    Image.fromarray(getattr(data, source)()).save(tmp_path / "full.png")
    assert program(["degrade", str(tmp_path / "full.png"), "-o", str(tmp_path / name), "-q", *flags]) == 0
    made, kept = (read_photo(folder / name).pixels for folder in (tmp_path, SAMPLES))
    assert made.shape == kept.shape and min(made.shape[-2:]) >= 128
    # Two releases of a library may round or encode a pixel differently; they do not make another picture.
    assert (made - kept).abs().mean() < 0.5 / 255


def test_sides_are_cut_to_a_multiple_of_the_scale(photo):
    assert tuple(degraded(photo).shape) == (1, 3, 10, 12)
    assert tuple(degraded(photo, "--scale", "1").shape) == (1, 3, 41, 50)


def test_scale_1_without_anything_else_changes_nothing(photo):
    assert torch.equal(degraded(photo, "--scale", "1"), read_photo(photo).pixels)


@pytest.mark.parametrize("flags", [["--blur", "1"], ["--noise", "5"], ["--jpeg", "50"]])
def test_every_degradation_reaches_the_pixels(photo, flags):
    assert not torch.equal(degraded(photo), degraded(photo, *flags))


def test_a_jpeg_output_is_compressed_once(photo):
    once, plain = photo.with_name("once.jpg"), photo.with_name("plain.jpg")
    assert program(["degrade", str(photo), "-o", str(once), "--jpeg", "30", "-q"]) == 0
    write_photo(plain, replace(read_photo(photo), pixels=degraded(photo)), Encoding(quality=30))
    assert torch.equal(read_photo(once).pixels, read_photo(plain).pixels)


def test_the_noise_follows_the_seed(photo):
    noise = ["--noise", "5", "--seed"]
    assert torch.equal(degraded(photo, *noise, "1"), degraded(photo, *noise, "1"))
    assert not torch.equal(degraded(photo, *noise, "1"), degraded(photo, *noise, "2"))


def test_a_scale_that_leaves_nothing_and_an_unknown_format_are_exit_code_2(photo, capsys):
    write_photo(photo.with_name("dot.png"), tiny_photo(height=1, width=1))
    assert program(["degrade", str(photo.with_name("dot.png")), "-o", str(photo.with_name("x.png"))]) == 2
    assert program(["degrade", str(photo), "-o", str(photo.with_name("x.gif"))]) == 2
    assert capsys.readouterr().err.count("error:") == 2


def test_an_output_that_exists_stays_unless_told_otherwise(photo):
    assert program(["degrade", str(photo), "-o", str(photo), "--overwrite"]) == 1
    assert tuple(read_photo(photo).pixels.shape[-2:]) == (41, 50)


def test_a_square_in_the_middle_is_cut_out_first(photo):
    whole = read_photo(photo).pixels
    assert torch.equal(degraded(photo, "--scale", "1", "--crop", "20"), whole[..., 10:30, 15:35])
    assert degraded(photo, "--scale", "1", "--crop", "500").shape == whole.shape


def test_a_second_order_degradation_follows_seed_and_strength(photo):
    one, again, other = (degraded(photo, "--scale", "2", "--second-order", "0.5", "--seed", seed) for seed in ("1", "1", "2"))
    assert one.shape == (1, 3, 20, 25) and torch.equal(one, again) and not torch.equal(one, other)
    assert not torch.equal(one, degraded(photo, "--scale", "2", "--second-order", "1", "--seed", "1"))


def test_a_second_order_degradation_takes_no_blur_noise_or_jpeg_of_the_users(photo, capsys):
    assert program(["degrade", str(photo), "-o", str(photo.with_name("low.png")), "--second-order", "1", "--noise", "3"]) == 2
    assert "leave --blur" in capsys.readouterr().err
    assert program(["degrade", str(photo), "-o", str(photo.with_name("low.png")), "--second-order", "1.5"]) == 2
