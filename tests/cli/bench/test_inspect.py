"""`ttpo bench inspect`: a table, JSON and plots."""

import json

from scenes import scene

from ttpo_cli.benchmarks import inspection
from ttpo_cli.benchmarks.inspection import Case
from ttpo_cli.cli.app import program
from ttpo_cli.imaging.photo import Metadata, Photo
from ttpo_cli.imaging.writing import write_photo


def test_photos_are_degraded_inspected_compared_and_drawn(tmp_path, monkeypatch, capsys):
    cases = (Case("clean"), *(Case("JPEG", quality=quality) for quality in (20, 70)), Case("noise", noise=8.0))
    monkeypatch.setattr(inspection, "CASES", cases)
    monkeypatch.setattr(inspection.rows, "__defaults__", (cases,))
    path = tmp_path / "photos" / "scene.png"
    path.parent.mkdir()
    write_photo(path, Photo(scene(256, 256), None, False, 8, "png", Metadata(), "0" * 64, path.name))
    assert program(["bench", "inspect", str(path.parent), "--plots", str(tmp_path / "plots")]) == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert len(found["rows"]) == 4 and [row["group"] for row in found["accuracy"]] == ["clean", "JPEG", "noise"]
    assert "within 8" in shown.err
    assert "<svg" in (tmp_path / "plots" / "inspect-quality.svg").read_text()
