"""What files say of the settings is what the program before the fields were renamed wrote, byte for byte."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from ttpo_cli.errors import TtpoError
from ttpo_cli.folder.restoration import settings_by_ending
from ttpo_cli.report.provenance import settings_of
from ttpo_cli.report.record import jsonable
from ttpo_cli.settings.engine import EngineOptions
from ttpo_cli.settings.guidance import GuidanceOptions
from ttpo_cli.settings.option import option, recorded_texts, recorded_values
from ttpo_cli.settings.output import METADATA, hashed_encoding
from ttpo_cli.settings.selection import SelectionOptions
from ttpo_cli.settings.settings import Settings

# What was done before there were options for it.
OLD = settings_of({"settings": {}})
CHANGED = replace(
    OLD,
    seed=3,
    prior=replace(OLD.prior, cfg=2.0, distilled_guidance=2.5, prompt="a street"),
    candidates=replace(OLD.candidates, per_strength=2),
    selection=SelectionOptions("weights", weights={"niqe": 1.0}),
    guidance=GuidanceOptions(update="normalised"),
    pick=(2, 1),
)
# The sidecar's text and the journal's hashes of these settings, written by the program before.
SIDECAR = (
    '{"seed": 3, "ttpo": true, "prior": {"scale": 2.0, "prompt": "a street", "negative": "", "told": 2.5, "vae": "", '
    '"vae_tiles": false, "controlnet": "", "control": 1.0, "lora": "", "tile": 0, "overlap": 16, "attention": "sdpa", '
    '"offload": "none", "compile": false, "channels_last": true, "colour_fix": "wavelet"}, "candidates": {"mode": "noising", '
    '"strengths": [0.1, 0.15, 0.2, 0.25, 0.3], "seeds": 2, "eta": 0.7, "steps": 5, "solver": "euler", "sigma_min": 0.01, '
    '"halving": false, "batch": 0}, "selection": {"fusion": "weights", "ceiling": true, "dispreferred": "candidate", '
    '"weights": {"niqe": 1.0}}, "guidance": {"start": "noising", "origin": "restored", "strength": 0.15, "steps": 8, '
    '"solver": "euler", "scale": 80000.0, "alpha": 0.5, "t1": 0.7, "t2": 0.1, "split": "haar", "cutoff": 1.0, "distance": "l2", '
    '"beta": 1.0, "repulsion": 0.2, "step": "normalised", "rate": 0.2, "regional": true, "window": 32, "sharpness": 4.0, '
    '"ranker_weight": 0.0}, "guard": {"enabled": true, "low_band": 1.0, "band": 0.0, "rounds": 3, "consistency_margin": 1.0, '
    '"fidelity": 24.0, "grain": 2.4}, "restore": {"precision": "auto", "tile": "auto", "overlap": 32}, "region": 1024, '
    '"region_overlap": 64, "compare": false, "pick": [2, 1]}'
)
HASHES = [
    (
        OLD,
        "117e0b2dc998db47ce8e05941257f269f9a311570336e697f974a4e61b27ed65",
        "c157a26fe31b4dd14452b59ac2cc90250bdf8a08fa1af154368d84ae1ef4ce06",
    ),
    (
        CHANGED,
        "f1bd80690fb5e1d9b0c0b0c495e0952b3acbeb40f6533cb31ce6e0b6d16a7b42",
        "eb90ab6d1ac628ba7e33f6edfa9211f0bc5d57e66546023eae38e893ecc554fc",
    ),
    (
        replace(CHANGED, ttpo=False),
        "6bc4286a11d0e7de53f9def5bcb7e8db58d006f7dc1f97d39cf70c32ef01c3de",
        "6bc4286a11d0e7de53f9def5bcb7e8db58d006f7dc1f97d39cf70c32ef01c3de",
    ),
]


def test_a_sidecar_says_what_it_said():
    assert json.dumps(jsonable(recorded_values(CHANGED))) == SIDECAR


def test_a_sidecar_is_read_back_as_the_settings_that_it_was_written_for():
    assert settings_of({"settings": json.loads(SIDECAR)}) == CHANGED


def test_a_sidecar_does_not_know_the_present_names():
    with pytest.raises(TtpoError, match="update"):
        settings_of({"settings": {"guidance": {"update": "paper"}}})


@pytest.mark.parametrize(("settings", "of_picture", "of_candidates"), HASHES, ids=["default", "changed", "plain"])
def test_a_folders_journal_hashes_what_it_hashed(settings, of_picture, of_candidates):
    outputs = SimpleNamespace(encoding=SimpleNamespace(quality=95, format="keep"), mark=True, strict=False)
    weights = [{"role": "prior", "name": "haar-prior", "sha256": "0"}]
    session = SimpleNamespace(options=EngineOptions(), settings=settings, outputs=outputs, weights=weights)
    jobs = [SimpleNamespace(target=Path("a.png"))]
    assert settings_by_ending(jobs, session) == {".png": of_picture}
    assert settings_by_ending(jobs, session, of_candidates=True) == {".png": of_candidates}


def test_a_journal_from_before_iptc_and_texts_were_carried_stands_for_all_that_is_kept():
    before = {"format": "keep", "keep": ["exif", "icc", "xmp"]}
    assert hashed_encoding({"format": "keep", "keep": METADATA}) == before
    assert hashed_encoding({"format": "keep", "keep": frozenset({"icc"})})["keep"] == ["icc"]
    assert hashed_encoding({"format": "keep", "keep": frozenset(before["keep"])}) != before  # now that is less than all
    assert hashed_encoding({"format": "keep"}) == {"format": "keep"}


def test_the_recorded_name_is_that_of_the_field_where_none_is_given():
    @dataclass(frozen=True)
    class Stage:
        first: int = option(1, "One.")
        second: dict[str, int] = option({}, "Two.", recorded="old")

    @dataclass(frozen=True)
    class Whole:
        stage: Stage = Stage()

    assert recorded_values(Whole()) == {"stage": {"first": 1, "old": {}}}
    assert list(recorded_texts(Whole())) == ["stage"] and recorded_texts(Whole())["stage"].endswith("Stage(first=1, old={})")
    assert Stage().second is not Stage().second


def test_options_newer_than_a_record_do_what_was_done_then_and_leave_its_hash():
    assert Settings() != OLD and OLD.size.shrink == "1" and OLD.size.ceiling == 0 and not OLD.candidates.shrinks
    assert "size" not in recorded_values(OLD) and "size" in recorded_values(Settings())
    assert settings_of({"settings": recorded_values(Settings())}) == Settings()
    assert settings_of({"settings": json.loads(json.dumps(jsonable(recorded_values(OLD))))}) == OLD


@dataclass(frozen=True)
class Newer:
    first: int = 1
    new: str = option("auto", "A new option.", before="none")


@dataclass(frozen=True)
class WholeWithNewer:
    stage: Newer = Newer()
    other: int = 2


def test_a_new_option_is_recorded_where_it_changes_something_only():
    assert recorded_values(WholeWithNewer(Newer(new="none"))) == {"stage": {"first": 1}, "other": 2}
    assert recorded_values(WholeWithNewer()) == {"stage": {"first": 1, "new": "auto"}, "other": 2}
    assert recorded_texts(WholeWithNewer(Newer(new="none")))["stage"] == "Newer(first=1)"
