"""`ttpo replay`: a sidecar is enough to get the same pixels again, and what is not the same any more is said."""

import json
from dataclasses import replace

import pytest
from fakes import tiny_engine, tiny_photo

from ttpo_cli import pipeline
from ttpo_cli.cli.app import program
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.writing import write_photo


@pytest.fixture
def asked(monkeypatch):
    """The engine that commands get, first; then what they asked for."""
    box = [tiny_engine()]

    def load(made_of, settings, *others):
        box.append((made_of, settings))
        return box[0]

    monkeypatch.setattr(pipeline, "load_engine", load)
    return box


@pytest.fixture
def photo(tmp_path, asked):
    path = tmp_path / "photo.png"
    write_photo(path, tiny_photo())
    return path


def sidecar(photo, *flags, ending="png"):
    assert program(["restore", str(photo), "-q", *flags]) == 0
    return photo.with_name(f"photo_ttpo.{ending}.ttpo.json")


def replayed(path, capsys, *flags):
    capsys.readouterr()
    code = program(["replay", str(path), "--json", *flags])
    shown = capsys.readouterr()
    return code, json.loads(shown.out), shown.err


FLAGS = ["--seed", "3", "--guidance-steps", "2", "--candidates-strengths", "0.1,0.4", "--region", "48", "--region-overlap", "8"]
WRITTEN = ["--format", "jpeg", "--quality", "60", "--keep", "exif,icc"]


@pytest.mark.parametrize(("flags", "ending"), [([], "png"), (FLAGS, "png"), (WRITTEN, "jpg"), (["--no-ttpo", "--no-mark"], "png")])
def test_a_sidecar_is_enough_for_the_same_pixels_and_the_same_file(flags, ending, photo, capsys, asked, tmp_path):
    path = sidecar(photo, *flags, ending=ending)
    again = tmp_path / f"again.{ending}"
    code, told, _ = replayed(path, capsys, "-o", str(again))
    assert code == 0 and told["same"] and told["differences"] == []
    assert again.read_bytes() == photo.with_name(f"photo_ttpo.{ending}").read_bytes()
    first, second = asked[1:]
    assert second == (first[0], as_decided(first[1]))


def as_decided(settings):
    """The settings of a record: what was decided for the tiny photo in place of `auto`."""
    return replace(settings, size=replace(settings.size, shrink="1"), candidates=replace(settings.candidates, shrinks=()))


def test_engine_and_settings_come_back_as_they_were_asked_for(photo, capsys, asked, tmp_path):
    (tmp_path / "model.pth").touch()
    flags = [
        "--backbone",
        str(tmp_path / "model.pth"),
        "--metric-weights",
        f"niqe={tmp_path / 'n'}",
        "--selection-weights",
        "calm=1,roughness=2",
    ]
    code, told, _ = replayed(sidecar(photo, *flags, "--task", "denoise", "--selection-fusion", "weights"), capsys)
    assert code == 0 and told["same"] and asked[2] == (asked[1][0], as_decided(asked[1][1]))


def test_other_weights_are_named_and_the_distance_of_the_pixels_is_told(photo, capsys, asked):
    path = sidecar(photo)
    backbone = asked[0].backbone
    darker = replace(backbone, sha256="f" * 64, network=lambda image: backbone.network(image) / 2)
    asked[0] = replace(asked[0], backbones=(darker,))
    code, told, said = replayed(path, capsys)
    assert code == 1 and not told["same"]
    assert any("backbone" in line and "ffffffffffff now" in line for line in told["differences"])
    assert "of 255 apart" in said


def test_versions_and_machines_that_differ_are_told_though_the_pixels_are_the_same(photo, capsys):
    path = sidecar(photo)
    record = json.loads(path.read_text())
    record["versions"]["torch"], record["machine"]["threads"], record["device"] = "0.1", 999, "cuda:7"
    path.write_text(json.dumps(record))
    code, told, said = replayed(path, capsys)
    assert code == 0 and told["same"] and len(told["differences"]) == 3
    assert "version of torch: 0.1 then" in said and "999 then" in said and "cuda:7 then" in said


def test_another_photo_is_refused_and_the_moved_one_is_taken(photo, capsys, tmp_path):
    path = sidecar(photo)
    moved = photo.rename(tmp_path / "moved.png")
    assert program(["replay", str(path)]) == 1 and "--photo" in capsys.readouterr().err
    write_photo(tmp_path / "other.png", tiny_photo(seed=4))
    assert program(["replay", str(path), "--photo", str(tmp_path / "other.png")]) == 1
    assert "not the photo" in capsys.readouterr().err
    assert replayed(path, capsys, "--photo", str(moved))[0] == 0


@pytest.mark.parametrize("content", [None, "no json", "[]", '{"source": {}}'])
def test_what_is_no_record_is_one_line(content, tmp_path, capsys):
    path = tmp_path / "x.ttpo.json"
    if content is not None:
        path.write_text(content)
    assert program(["replay", str(path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_record_with_options_that_this_version_does_not_know_is_refused(photo, capsys):
    path = sidecar(photo)
    record = json.loads(path.read_text())
    record["settings"]["guidance"]["magic"] = 1
    path.write_text(json.dumps(record))
    assert program(["replay", str(path)]) == 1
    assert "magic" in capsys.readouterr().err


def test_an_output_that_exists_is_not_replaced(photo, capsys, tmp_path):
    path = sidecar(photo)
    (tmp_path / "mine.png").write_bytes(b"mine")
    assert program(["replay", str(path), "-o", str(tmp_path / "mine.png")]) == 1
    assert (tmp_path / "mine.png").read_bytes() == b"mine"


def test_the_mark_in_the_file_says_who_made_it_unless_told_not_to(photo):
    sidecar(photo)
    marked = read_photo(photo.with_name("photo_ttpo.png")).metadata.xmp
    record = json.loads(photo.with_name("photo_ttpo.png.ttpo.json").read_text())
    assert marked is not None and record["chosen"] != "restored" and b"compositeWithTrainedAlgorithmicMedia" in marked
    sidecar(photo, "--no-ttpo", "--overwrite")
    marked = read_photo(photo.with_name("photo_ttpo.png")).metadata.xmp
    assert marked is not None and b"algorithmicallyEnhanced" in marked
    sidecar(photo, "--no-mark", "--overwrite")
    assert read_photo(photo.with_name("photo_ttpo.png")).metadata.xmp is None
