"""`ttpo inspect`: a row a photo, JSON and CSV, folders and standard input, and errors with their exit code."""

import csv
import io
import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ttpo_cli.cli.app import program

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def test_a_folder_gives_a_row_a_photo(capsys):
    assert program(["inspect", str(SAMPLES)]) == 0
    header, *rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [Path(row[0]).name for row in rows] == ["astronaut.png", "camera.jpg", "chelsea.jpg", "coffee.jpg", "rocket.png"]
    assert dict(zip(header, rows[3], strict=True))["JPEG quality"] == "30"
    assert rows[0][-1] == "clean" and rows[3][-1] == "compressed, blurred"


def test_json_has_every_finding_and_what_follows_from_them(capsys):
    assert program(["inspect", str(SAMPLES / "chelsea.jpg"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (photo,) = found["photos"]
    assert found["schema_version"] == 1 and found["failures"] == []
    assert photo["jpeg_quality"] == photo["jpeg_quality_estimated"] == 60 and photo["kind"] == "photo"
    assert (photo["width"], photo["height"]) == (225, 150) and photo["megapixels"] == pytest.approx(0.03375)
    assert "compressed" in photo["degradations"] and photo["is_clean"] is False
    assert 0 < photo["effective_resolution"] <= 1 and 0 < photo["noise_sigma"] < 0.2


def test_csv_has_numbers(capsys):
    assert program(["inspect", str(SAMPLES / "coffee.jpg"), "--csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert float(row["JPEG quality"]) == 30 and 0 < float(row["resolution"]) < 1


def test_standard_input_is_a_photo(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO((SAMPLES / "coffee.jpg").read_bytes()), isatty=lambda: False))
    assert program(["inspect", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["photos"][0]["jpeg_quality"] == 30


def test_a_bad_file_does_not_stop_the_others(tmp_path, capsys):
    shutil.copy(SAMPLES / "coffee.jpg", tmp_path)
    (tmp_path / "bad.jpg").write_bytes(b"no photo")
    assert program(["inspect", str(tmp_path), "--json"]) == 1
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert len(found["photos"]) == 1 and found["failures"][0]["exit_code"] == 1 and shown.err.count("error:") == 1


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["--json", "--csv", "a.png"], 2), (["absent.png"], 1)])
def test_errors_are_one_line_with_their_exit_code(arguments, code, capsys):
    assert program(["inspect", *arguments]) == code
    assert capsys.readouterr().err.count("error:") == 1
