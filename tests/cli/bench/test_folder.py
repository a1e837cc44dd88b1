"""`ttpo bench folder` through the command: its table and JSON, and a refusal where the pictures are not the same."""

import json
import sys

import pytest
from fakes import tiny_photo

from ttpo_cli.cli.app import program
from ttpo_cli.cli.bench import folder as bench_folder
from ttpo_cli.imaging.writing import write_photo

# As `restore -q [--other] PHOTO|FOLDER -o OUT`: copies the photos, with a byte more where a folder is to become others.
COPY = """
import sys
from pathlib import Path
source, out = Path(sys.argv[-3]), Path(sys.argv[-1])
for path in sorted(source.iterdir()) if source.is_dir() else [source]:
    target = out / path.name if source.is_dir() else out
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(path.read_bytes() + (b"x" if "--other" in sys.argv and source.is_dir() else b""))
"""


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    monkeypatch.setattr(bench_folder, "_PROGRAM", (sys.executable, "-c", COPY))


def test_it_says_what_each_way_took(tmp_path, capsys):
    write_photo(tmp_path / "a.png", tiny_photo(height=32, width=48))
    assert program(["bench", "folder", str(tmp_path), "--photos", "3", "--side", "16"]) == 0
    shown = capsys.readouterr()
    data = json.loads(shown.out)
    assert [way["processes"] for way in data["ways"]] == [3, 1] and data["photos"] == 3 and data["side"] == 16
    assert "one folder run" in shown.err and "times as fast" in shown.err


def test_other_pictures_are_an_error(tmp_path, capsys):
    write_photo(tmp_path / "a.png", tiny_photo(height=32, width=48))
    assert program(["bench", "folder", str(tmp_path), "--photos", "2", "--side", "16", "--options", "--other"]) == 1
    assert "other pictures" in capsys.readouterr().err


def test_workers_here_and_of_ray_are_further_ways(tmp_path, capsys):
    write_photo(tmp_path / "a.png", tiny_photo(height=32, width=48))
    command = ["bench", "folder", str(tmp_path), "--photos", "2", "--side", "16", "--workers", "2", "--executor", "ray"]
    assert program(command) == 0
    ways = [way["way"] for way in json.loads(capsys.readouterr().out)["ways"]]
    assert ways == ["a call a photo", "one folder run", "2 worker processes", "2 workers of Ray"]
