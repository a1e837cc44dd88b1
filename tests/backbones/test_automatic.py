"""`--backbone auto`: which restorer is chosen, and the reason in numbers."""

import pytest
from inspected import CLEAN

from ttpo_cli.backbones.automatic import BACKBONES_OF_AUTO, DRAWINGS, PHOTOS, backbones_for, found_in, names_of_backbones
from ttpo_cli.errors import UsageError
from ttpo_cli.inspection.inspection import Inspection
from ttpo_cli.weights.manifest import read_manifest


def inspected(**found):
    return Inspection(**{**vars(CLEAN), **found})


def test_photos_and_drawings_have_a_restorer_each():
    assert backbones_for(CLEAN) == ((PHOTOS, "lfc-sr-small"), "it is a photo in which nothing wrong was found")
    assert backbones_for(inspected(noise_sigma=10 / 255)) == ((PHOTOS,), "noise of 10 grey levels")
    assert backbones_for(inspected(kind="drawing", noise_sigma=10 / 255)) == ((DRAWINGS,), "it is a drawing")


def test_the_reason_names_what_was_found_in_numbers():
    found = inspected(jpeg_quality=90.0, jpeg_quality_estimated=31.7, noise_sigma=18.2 / 255, effective_resolution=0.5)
    assert found_in(found) == "JPEG quality 32, noise of 18 grey levels, detail for 0.50 of its size"
    assert found_in(inspected(jpeg_quality=40.0)) == "JPEG quality 40"
    assert found_in(CLEAN) == ""


def test_every_restorer_that_may_be_chosen_is_known_and_needs_no_download():
    entries = read_manifest()
    assert {PHOTOS, DRAWINGS, "lfc-sr-small"} == set(BACKBONES_OF_AUTO)
    assert all(entries[name].package is not None and entries[name].scale == 4 for name in (PHOTOS, DRAWINGS))


def test_names_of_backbones_are_those_of_auto_or_those_given(tmp_path, monkeypatch):
    assert names_of_backbones("auto") == BACKBONES_OF_AUTO
    assert names_of_backbones(" bicubic, none ,") == ("bicubic", "none")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a,b.pth").write_bytes(b"")
    assert names_of_backbones("a,b.pth") == ("a,b.pth",)
    for text in ("", ",", "bicubic,bicubic"):
        with pytest.raises(UsageError, match="--backbone"):
            names_of_backbones(text)
