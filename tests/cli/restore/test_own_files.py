"""`ttpo restore` of what people have: long names, endings that cannot be written, folders of many kinds."""

import io
import json
import shutil
import sqlite3

import pytest
from fakes import tiny_engine, tiny_photo
from metadata_files import png_with
from PIL import Image

from ttpo_cli import pipeline
from ttpo_cli.cli.app import program
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.writing import write_photo


@pytest.fixture(autouse=True)
def engine(monkeypatch):
    monkeypatch.setattr(pipeline, "load_engine", lambda *arguments, **named: tiny_engine())


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpg"
    write_photo(path, tiny_photo())
    return path


@pytest.mark.parametrize("length", [241, 245, 251, 255])
def test_a_photo_with_a_name_of_any_length_is_restored_and_found_again(photo, capsys, length):
    album = photo.parent / "album"
    album.mkdir()
    shutil.move(photo, album / ("a" * (length - 4) + ".jpg"))
    for arguments in ([str(next(album.iterdir()))], [str(album), "-o", str(photo.parent / "out")]):
        assert program(["restore", *arguments, "--no-ttpo"]) == 0
        written = capsys.readouterr().out.strip()
        assert read_photo(type(photo)(written)).pixels.shape[-1] == 64
        assert program(["restore", *arguments, "--no-ttpo", "--json"]) == 0  # it is there already
        told = json.loads(capsys.readouterr().out)
        assert told["results"] == []
        assert told["failures"] == []
        assert told["skipped"][0]["output"] == written
        for made in album.glob("*_ttpo.jpg*"):
            made.unlink()
    records = [path for path in (photo.parent / "out").iterdir() if path.name.endswith(".ttpo.json")]
    assert len(records) == 1
    assert json.loads(records[0].read_text())["output"] == written


@pytest.mark.parametrize("name", ["stereo.mpo", "IMG_1.HEIC"])
def test_a_jpeg_under_another_ending_is_written_as_jpeg_and_that_is_said(photo, capsys, name):
    source = photo.rename(photo.with_name(name))
    assert program(["restore", str(source), "--no-ttpo"]) == 0
    shown = capsys.readouterr()
    assert shown.out.strip() == str(source.with_name(f"{source.stem}_ttpo.jpg").resolve())
    assert f"{name}: ttpo does not write {source.suffix}, so the result is {source.stem}_ttpo.jpg" in shown.err


@pytest.fixture
def album(photo):
    folder = photo.parent / "album"
    folder.mkdir()
    photo.rename(folder / "photo.jpg")
    (folder / "x.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(50))
    (folder / "y.dng").write_bytes(b"II*\0" + bytes(50))
    stream = io.BytesIO()
    Image.new("RGB", (16, 12), (200, 30, 30)).save(stream, "GIF")
    (folder / "z.gif").write_bytes(stream.getvalue())
    return folder


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_a_folder_names_what_it_does_not_read_and_exits_0_and_1_with_strict(album, capsys, options):
    assert program(["restore", str(album), "--no-ttpo", *options]) == 0
    shown = capsys.readouterr()
    assert "not read: 1 file (x.heic): is an HEIC photo, which ttpo does not read: convert it" in shown.err
    assert "not read: 1 file (y.dng): is a camera raw file" in shown.err
    assert program(["restore", str(album), "--no-ttpo", "--strict", "--json", *options]) == 1
    assert [entry["source"][-6:] for entry in json.loads(capsys.readouterr().out)["not_read"]] == ["x.heic", "/y.dng"]


def test_what_is_not_read_stands_in_the_journal_and_in_the_report_until_it_is_read(album, capsys):
    page = album.parent / "page.html"
    assert program(["restore", str(album), "--no-ttpo", "--report", str(page)]) == 0
    with sqlite3.connect(album.parent / "album_ttpo" / ".ttpo" / "journal.sqlite") as journal:
        rows = dict(journal.execute("SELECT target, error FROM photo WHERE state = 'failed'").fetchall())
    assert set(rows) == {"x.heic", "y.dng"}
    assert "camera raw file" in rows["y.dng"]
    assert "HEIC photo" in page.read_text()
    assert (album.parent / "album_ttpo" / "z.gif.png").is_file()


def test_damaged_reads_what_is_left_of_photos_by_themselves_and_in_folders(photo, capsys):
    album = photo.parent / "album"
    album.mkdir()
    stream = io.BytesIO()
    Image.effect_noise((64, 64), 60).save(stream, "JPEG")
    (album / "cut.jpg").write_bytes(stream.getvalue()[: len(stream.getvalue()) * 2 // 3])
    for arguments in ([str(album / "cut.jpg")], [str(album)]):
        assert program(["restore", *arguments, "--no-ttpo"]) == 1
        assert "--damaged reads what is left" in capsys.readouterr().err
        assert program(["restore", *arguments, "--no-ttpo", "--damaged", "-v"]) == 0
        assert "of its rows are there" in capsys.readouterr().err
        for made in album.glob("*_ttpo*"):
            made.unlink()


def test_what_is_left_out_is_said_on_the_screen_and_in_the_record(tmp_path, capsys):
    source, target = tmp_path / "a.png", tmp_path / "a.jpg"
    source.write_bytes(png_with((b"tEXt", b"Title\0One"), (b"prVt", bytes(7))))
    expected = "left out: the chunk prVt; what JPEG cannot hold: texts (Title)"
    assert program(["restore", str(source), "-o", str(target), "--no-ttpo"]) == 0
    assert f"a.png: {expected}" in capsys.readouterr().err
    record = json.loads((tmp_path / "a.jpg.ttpo.json").read_text())
    assert expected in record["notes"] and record["left_out"] == ["the chunk prVt", "texts (Title)"]
    assert program(["restore", str(source), "-o", str(tmp_path / "b.jpg"), "--no-ttpo", "--keep", "exif,icc"]) == 0
    assert "Title" not in capsys.readouterr().err
    assert program(["restore", str(source), "-o", str(tmp_path / "c.png"), "--no-ttpo", "--keep", "text"]) == 0
    assert Image.open(tmp_path / "c.png").text["Title"] == "One"


def test_a_folder_counts_what_is_left_out_of_how_many_photos(tmp_path, capsys):
    album = tmp_path / "album"
    album.mkdir()
    for name in ("a.png", "b.png"):
        (album / name).write_bytes(png_with((b"tEXt", b"Title\0One"), (b"prVt", bytes(7))))
    (album / "c.png").write_bytes(png_with((b"prVt", bytes(7))))
    assert program(["restore", str(album), "-o", str(tmp_path / "out"), "--format", "jpeg", "--no-ttpo"]) == 0
    assert "left out, as the records say: the chunk prVt (3 photos), texts (Title) (2 photos)\n" in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "a.jpg.ttpo.json").read_text())["left_out"] == ["the chunk prVt", "texts (Title)"]
