"""The benchmark of `ttpo inspect`: cases have their truth, and errors are what they are called."""

import pytest
import torch
from scenes import scene

from ttpo_cli.benchmarks.inspection import CASES, Case, accuracy, degraded, rows
from ttpo_cli.imaging.photo import Metadata, Photo
from ttpo_cli.imaging.writing import write_photo


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "scene.png"
    write_photo(path, Photo(scene(384, 512), None, False, 8, "png", Metadata(), "0" * 64, path.name))
    return path


def test_a_case_knows_its_resolution():
    assert [Case("x").resolution, Case("x", enlarge=4).resolution, Case("x", blur=0.98).resolution] == [1, 0.25, 0.5]
    assert len({tuple(vars(case).values()) for case in CASES}) == len(CASES)


def test_every_degradation_changes_the_photo_and_only_a_crop_its_size():
    pixels = scene(128, 128)
    made = [degraded(pixels, case, torch.Generator().manual_seed(0)) for case in CASES]
    assert all(not torch.equal(one, made[0]) for one in made[1:] if one.shape == made[0].shape)
    assert {tuple(one.shape[-2:]) for one in made} == {(64, 64), (61, 59)}


def test_rows_have_the_truth_and_the_finding_and_accuracy_their_errors(photo):
    cases = (Case("clean"), Case("JPEG", quality=40), Case("noise", noise=10.0))
    measured = list(rows([photo], cases))
    assert [row["true"]["quality"] for row in measured] == [None, 40, None]
    table = {row["group"]: row for row in accuracy(measured)}
    assert table["clean"]["quality"] is None and table["clean"]["called_clean"] == 1
    assert table["JPEG"]["quality"]["worst"] <= 8 and table["JPEG"]["quality"]["within"] == 1
    assert 1 <= table["noise"]["noise"]["median"] < 1.2


def test_a_compression_that_is_not_seen_counts_as_100():
    row = {"case": {"group": "g"}, "true": {"quality": 90, "noise": 5.0, "resolution": 0.5}}
    row["found"] = {"quality": None, "noise": 10.0, "resolution": 0.25, "degradations": ["noisy"]}
    (found,) = accuracy([row])
    assert found["quality"]["worst"] == 10 and found["quality"]["within"] == 0
    assert found["noise"]["worst"] == 2 and found["resolution"]["worst"] == 2 and found["called_clean"] == 0
