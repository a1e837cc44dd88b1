"""`ttpo eval` of several backbones: a row each, the first against the others, and a sheet in blind order with its key."""

import json

import pytest
from fakes import tiny_photo

from ttpo_cli.cli.app import program
from ttpo_cli.cli.evaluation_run import key_path, shuffled
from ttpo_cli.imaging.photo import with_pixels
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.imaging.writing import write_photo


@pytest.fixture
def pairs(tmp_path):
    folder = tmp_path / "pairs"
    folder.mkdir()
    for seed in range(3):
        photo = tiny_photo(48, 64, seed=seed)
        write_photo(folder / f"{seed}_HR.png", photo)
        write_photo(folder / f"{seed}_LR.png", with_pixels(photo, imresize(photo.pixels, 0.25).clamp(0, 1)))
    return folder


def evaluated(pairs, capsys, *options):
    assert program(["eval", str(pairs), "--metrics", "psnr_y", "-q", "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def test_several_backbones_have_a_row_each_and_the_first_is_compared_with_the_others(pairs, capsys):
    told = evaluated(pairs, capsys, "--backbone", "lfc-sr-small,bicubic")
    alone = evaluated(pairs, capsys, "--backbone", "bicubic")
    for record, single in zip(told["photos"], alone["photos"], strict=True):
        assert list(record["rows"]) == ["lfc-sr-small", "bicubic"] and set(record["row_seconds"]) == set(record["rows"])
        assert record["rows"]["bicubic"] == single["rows"]["restored"]
    (compared,) = told["comparisons"]
    assert (compared["row"], compared["other"], compared["won"] + compared["lost"] + compared["drawn"]) == ("lfc-sr-small", "bicubic", 3)
    assert {entry["name"] for entry in told["weights"]} == {"lfc-sr-small", "bicubic"}
    assert set(told["mean_facts"]["bicubic"]) == {"seconds"}


def test_a_blind_sheet_has_letters_and_a_key_that_follows_from_the_seed(pairs, tmp_path, capsys):
    sheets = {}
    for name, seed in (("a.png", "1"), ("b.png", "1"), ("c.png", "2"), ("d.png", "3"), ("e.png", "4")):
        sheet = tmp_path / name
        evaluated(pairs, capsys, "--backbone", "lfc-sr-small,bicubic", "--sheet", str(sheet), "--blind", seed)
        sheets[name] = json.loads(key_path(sheet).read_text()), read_photo(sheet).pixels
    key = sheets["a.png"][0]
    assert set(key) == {"0", "1", "2"} and all(set(photo) == {"A", "B"} for photo in key.values())
    assert all(set(photo.values()) == {"lfc-sr-small", "bicubic"} for photo in key.values())
    assert sheets["a.png"][0] == sheets["b.png"][0] and (sheets["a.png"][1] == sheets["b.png"][1]).all()
    assert any(sheets[name][0] != key for name in ("c.png", "d.png", "e.png"))


def test_every_order_comes_up():
    orders = {tuple(shuffled(["a", "b", "c"], seed, "photo")) for seed in range(60)}
    assert len(orders) == 6


def test_blind_without_a_sheet_is_refused(pairs, capsys):
    assert program(["eval", str(pairs), "--backbone", "bicubic", "--blind", "1"]) == 2
    assert "--sheet" in capsys.readouterr().err
