"""`ttpo restore` from the command line to the files, with the real pipeline on tiny parts."""

import errno
import io
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from fakes import tiny_engine, tiny_photo

from ttpo_cli import pipeline
from ttpo_cli.cli.app import program
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.writing import write_photo
from ttpo_cli.settings.engine import EngineOptions
from ttpo_cli.settings.prior import PriorOptions
from ttpo_cli.settings.settings import Settings


@pytest.fixture(autouse=True)
def engine(monkeypatch):
    """Every command gets the tiny engine; returns the arguments it asked for."""
    asked = []

    def load(*arguments, **named):
        asked.append((arguments, named))
        return tiny_engine()

    monkeypatch.setattr(pipeline, "load_engine", load)
    return asked


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    write_photo(path, tiny_photo())
    return path


def listing(folder):
    """Every file but those of the journal."""
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return [name for name in found if ".ttpo" not in Path(name).parts]


def test_a_photo_is_restored_beside_itself_with_a_sidecar_and_its_path_on_stdout(photo, capsys):
    assert program(["restore", str(photo)]) == 0
    shown = capsys.readouterr()
    target = photo.with_name("photo_ttpo.png")
    assert shown.out == f"{target.resolve()}\n"
    assert listing(photo.parent) == ["photo.png", "photo_ttpo.png", "photo_ttpo.png.ttpo.json"]
    assert tuple(read_photo(target).pixels.shape) == (1, 3, 48, 64)
    record = json.loads((photo.parent / "photo_ttpo.png.ttpo.json").read_text())
    assert record["source"]["sha256"] == read_photo(photo).content_hash
    assert record["output"] == str(target.resolve())
    for row in ("restored", "best candidate", "guided", "result"):
        assert row in shown.err and row in record["rows"]


def test_the_written_pixels_are_those_of_the_pipeline(photo):
    assert program(["restore", str(photo), "-q", "--seed", "3"]) == 0
    source = read_photo(photo)
    result = pipeline.restore_photo(source, tiny_engine(), Settings(seed=3))
    written = read_photo(photo.with_name("photo_ttpo.png")).pixels
    assert torch.equal(written, (result.outcome.final * 255).round() / 255)


def test_json_is_one_object_and_nothing_else_on_stdout(photo, capsys):
    assert program(["restore", str(photo), "--json", "--quiet"]) == 0
    shown = capsys.readouterr()
    data = json.loads(shown.out)
    assert set(data) == {"schema_version", "results", "skipped", "not_read", "failures"}
    assert data["results"][0] == json.loads(photo.with_name("photo_ttpo.png.ttpo.json").read_text())
    assert shown.err == ""


def test_a_photo_goes_through_a_pipe(photo, monkeypatch, capsysbinary):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(photo.read_bytes())))
    assert program(["restore", "-"]) == 0
    piped = read_photo(capsysbinary.readouterr().out).pixels
    assert program(["restore", str(photo)]) == 0
    assert torch.equal(piped, read_photo(photo.with_name("photo_ttpo.png")).pixels)


def test_standard_output_cannot_carry_photo_and_json(photo, capsys):
    assert program(["restore", str(photo), "-o", "-", "--json"]) == 2
    assert capsys.readouterr().out == ""


def test_an_output_that_exists_is_passed_over_unless_told_otherwise(photo, capsys, engine):
    target = photo.with_name("photo_ttpo.png")
    target.write_bytes(b"mine")
    assert program(["restore", str(photo)]) == 0
    assert target.read_bytes() == b"mine" and "passed over" in capsys.readouterr().err
    assert engine == [], "nothing to do, so nothing should be loaded"
    assert program(["restore", str(photo), "--fail-existing"]) == 1
    assert target.read_bytes() == b"mine"
    assert program(["restore", str(photo), "--overwrite"]) == 0
    assert read_photo(target).format == "png"


def test_the_source_is_never_overwritten(photo, capsys):
    before = photo.read_bytes()
    assert program(["restore", str(photo), "-o", str(photo), "--overwrite"]) == 2
    assert photo.read_bytes() == before
    assert "over itself" in capsys.readouterr().err


def test_a_folder_is_restored_into_its_sibling_and_a_bad_file_does_not_stop_the_others(photo, capsys):
    folder = photo.parent / "album"
    (folder / "deep").mkdir(parents=True)
    write_photo(folder / "one.png", tiny_photo(seed=1))
    write_photo(folder / "deep" / "two.png", tiny_photo(seed=2))
    (folder / "bad.jpg").write_bytes(b"no photo at all")
    assert program(["restore", str(folder), "--recursive", "--no-sidecar", "--json"]) == 1
    shown = capsys.readouterr()
    data = json.loads(shown.out)
    assert listing(photo.parent / "album_ttpo") == ["deep/two.png", "one.png"]
    assert [failure["source"] for failure in data["failures"]] == [str(folder / "bad.jpg")]
    assert shown.err.count("error:") == 1


@pytest.mark.parametrize("content", [None, b"", b"\x89PNG\r\n\x1a\n broken"])
def test_a_missing_empty_or_broken_file_is_one_line_and_exit_code_1(content, tmp_path, capsys, engine):
    path = tmp_path / "photo.png"
    if content is not None:
        path.write_bytes(content)
    assert program(["restore", str(path)]) == 1
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1 and str(path) in shown.err
    assert engine == [], "nothing to restore, so nothing should be loaded"


def test_a_result_does_not_depend_on_the_photos_beside_it(tmp_path):
    folder = tmp_path / "album"
    folder.mkdir()
    for seed in range(3):
        write_photo(folder / f"{seed}.png", tiny_photo(seed=seed))
    assert program(["restore", str(folder), "-q"]) == 0
    assert program(["restore", str(folder / "2.png"), "-o", str(tmp_path / "alone.png"), "-q"]) == 0
    assert torch.equal(read_photo(tmp_path / "album_ttpo" / "2.png").pixels, read_photo(tmp_path / "alone.png").pixels)


def test_strict_fails_with_5_and_writes_nothing_where_the_guard_refuses_every_change(photo):
    impossible = ["--guard-fidelity", "99"]
    assert program(["restore", str(photo), "--strict", *impossible]) == 5
    assert listing(photo.parent) == ["photo.png"]
    assert program(["restore", str(photo), *impossible]) == 0
    record = json.loads(photo.with_name("photo_ttpo.png.ttpo.json").read_text())
    assert record["chosen"] == "restored"
    assert "99.0" in record["rows"]["guided"]["guard"]


def test_without_ttpo_the_restored_image_is_written(photo):
    assert program(["restore", str(photo), "--no-ttpo"]) == 0
    record = json.loads(photo.with_name("photo_ttpo.png.ttpo.json").read_text())
    assert record["chosen"] == "restored" and list(record["rows"]) == ["restored", "result"]
    assert record["preferred"] is None and record["dispreferred"] is None


def test_a_dry_run_reads_and_tells_but_writes_nothing(photo, capsys):
    report = photo.with_name("report.html")
    assert program(["restore", str(photo), "--dry-run", "--report", str(report), "--json"]) == 0
    shown = capsys.readouterr()
    assert listing(photo.parent) == ["photo.png"]
    assert json.loads(shown.out)["results"][0]["width"] == 64
    assert "16x12" in shown.err and "64x48" in shown.err


def test_a_dry_run_of_one_photo_says_the_size_the_time_and_the_memory(photo, capsys):
    assert program(["restore", str(photo), "--dry-run", "--json", "--scale", "2.5"]) == 0
    shown = capsys.readouterr()
    (told,) = json.loads(shown.out)["results"]
    assert (told["width"], told["height"]) == (40, 30) and "40x30" in shown.err
    assert 0 < told["estimate"]["seconds"][0] <= told["estimate"]["seconds"][1] and told["estimate"]["memory"]["process"] > 0
    assert "time: " in shown.err and "memory: " in shown.err


@pytest.mark.parametrize(
    ("flags", "size"), [(["--scale", "1.5"], (18, 24)), (["--long-edge", "100"], (75, 100)), (["--megapixels", "0.0012"], (30, 40))]
)
def test_a_result_has_the_size_that_was_asked_for(flags, size, photo):
    assert program(["restore", str(photo), "-q", *flags]) == 0
    assert tuple(read_photo(photo.with_name("photo_ttpo.png")).pixels.shape[-2:]) == size


def test_a_result_above_the_limit_is_refused_with_size_time_and_the_ways_out(photo, capsys):
    assert program(["restore", str(photo), "--max-megapixels", "0.001"]) == 2
    told = capsys.readouterr().err
    assert (
        "64x48 pixels" in told and "it would take " in told and "--scale, --long-edge or --megapixels" in told and "raise the limit" in told
    )
    assert listing(photo.parent) == ["photo.png"]
    assert program(["restore", str(photo), "--scale", "2", "--long-edge", "9", "-q"]) == 2


def test_the_record_says_what_restored_the_photo_and_what_was_found_in_it(photo):
    assert program(["restore", str(photo), "-q"]) == 0
    told = json.loads(photo.with_name("photo_ttpo.png.ttpo.json").read_text())["restoration"]
    assert told["backbone"] == "bicubic" and told["reason"] is None and not told["kept"] and told["others"] == []
    assert told["given"] == {"width": 16, "height": 12} and told["inspection"]["kind"] in ("photo", "drawing")


def test_report_and_candidates_are_written_where_told(photo):
    folder = photo.parent / "candidates"
    report = photo.with_name("report.html")
    assert program(["restore", str(photo), "--report", str(report), "--keep-candidates", str(folder), "-q"]) == 0
    assert listing(folder) == [*(f"photo_{index:02d}.png" for index in range(6)), "photo_candidates.png"]
    assert tuple(read_photo(folder / "photo_03.png").pixels.shape) == (1, 3, 48, 64)
    assert "photo.png" in report.read_text()


def test_options_of_the_engine_reach_it(photo, engine, monkeypatch):
    flags = ["--backbone", "b", "--prior", "p", "--metrics", "m, n", "--device", "cpu", "--precision", "fp32", "--scale", "3"]
    more = ["--metric-weights", "m=file", "--prior-cfg", "2", "--task", "deblur", "--blend", "0.25", "--offline", "-q"]
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    assert program(["restore", str(photo), *flags, *more]) == 0
    ((made_of, settings, store), named), *others = engine
    assert made_of == EngineOptions("b", "p", ("m", "n"), "cpu", "fp32", 3, "deblur", 0.25, {"m": Path("file")})
    assert settings.prior == PriorOptions(cfg=2.0) and store.offline and not named and not others


@pytest.mark.parametrize(
    ("flags", "path", "value"),
    [
        (["--seed", "5"], ("seed",), 5),
        (["--region", "32", "--region-overlap", "8"], ("region",), 32),
        (["--region-overlap", "8"], ("region_overlap",), 8),
        (["--compare"], ("compare",), True),
        (["--no-ttpo"], ("ttpo",), False),
        (["--tile", "64"], ("restore", "tile"), 64),
        (["--overlap", "3"], ("restore", "overlap"), 3),
        (["--precision", "bf16"], ("restore", "precision"), "bf16"),
        (["--guidance-steps", "2"], ("guidance", "steps"), 2),
        (["--guard-enabled", "off"], ("guard", "enabled"), False),
    ],
)
def test_settings_reach_the_pipeline_and_the_record(flags, path, value, photo):
    assert program(["restore", str(photo), "-q", *flags]) == 0
    found = json.loads(photo.with_name("photo_ttpo.png.ttpo.json").read_text())["settings"]
    for name in path:
        found = found[name]
    assert found == value


def test_format_depth_and_metadata_options_reach_the_file(photo):
    assert program(["restore", str(photo), "--format", "tiff", "--bit-depth", "16", "-q"]) == 0
    written = read_photo(photo.with_name("photo_ttpo.tif"))
    assert (written.format, written.bit_depth) == ("tiff", 16)
    assert program(["restore", str(photo), "--keep", "exiv", "-q"]) == 2


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(photo, monkeypatch, capsys):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert program(["restore", str(photo), "-q"]) == 1
    assert listing(photo.parent) == ["photo.png"]
    assert "No space left" in capsys.readouterr().err


def test_ctrl_c_leaves_nothing_half_written(photo, monkeypatch):
    def interrupted(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    assert program(["restore", str(photo), "-q"]) == 130
    assert listing(photo.parent) == ["photo.png"]


def test_photos_can_be_listed_in_a_file(photo, tmp_path, capsys):
    (tmp_path / "list.txt").write_text(f"{photo}\n\n")
    assert program(["restore", "--files-from", str(tmp_path / "list.txt"), "-q"]) == 0
    assert photo.with_name("photo_ttpo.png").exists()
    assert program(["restore", "--files-from", str(tmp_path / "no list.txt"), "-q"]) == 1
    assert "no list.txt" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--tile", "big"], ["--metric-weights", "niqe"], ["--candidates-mode", "guess"]])
def test_values_that_cannot_be_meant_are_exit_code_2(arguments, photo):
    assert program(["restore", str(photo), *arguments, "-q"]) == 2
    assert listing(photo.parent) == ["photo.png"]


def test_an_unknown_backbone_lists_the_nearest_names(photo, monkeypatch, capsys):
    monkeypatch.undo()
    assert program(["restore", str(photo), "--backbone", "bicubik", "--prior", "haar-priro"]) == 2
    assert "did you mean haar-prior" in capsys.readouterr().err


def test_a_report_of_nothing_is_said_beside_what_went_wrong(photo, capsys):
    report = photo.with_name("report.html")
    assert program(["restore", str(photo.with_name("gone.png")), "--report", str(report), "--json"]) == 1
    failures = json.loads(capsys.readouterr().out)["failures"]
    assert [failure["source"] for failure in failures] == [str(photo.with_name("gone.png")), str(report)]
    assert not report.exists()
