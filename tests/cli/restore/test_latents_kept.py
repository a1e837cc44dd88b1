"""Candidates that wait for a pick are kept to the last bit: the run that finishes makes none, and its picture is the same byte by byte."""

import json

import pytest
import torch
from fakes import tiny_engine, tiny_photo

from ttpo_cli import pipeline
from ttpo_cli.cli.app import program
from ttpo_cli.folder import restoration
from ttpo_cli.folder.candidate_store import read_stored, stored_bytes, stored_path
from ttpo_cli.imaging.writing import write_photo
from ttpo_cli.preference import optimisation
from ttpo_cli.preference.candidates import Candidates

LATER = ["restore", "album", "-o", "out", "-q", "--select", "later"]
MADE = Candidates(torch.rand(2, 3, 4, 5), (0.1, 0.25), (2**63 - 1, 7), (False, True), ("memory was short",), 12)


@pytest.fixture
def made(tmp_path, monkeypatch):
    """How often candidates were made, in a folder of one photo whose candidates wait."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline, "load_engine", lambda *arguments, **named: tiny_engine())
    write_photo(tmp_path / "album" / "a.png", tiny_photo(seed=1))
    counted, generate = [], optimisation.generate

    def counting(*arguments, **named):
        counted.append(1)
        return generate(*arguments, **named)

    monkeypatch.setattr(optimisation, "generate", counting)
    assert program(LATER) == 0 and len(counted) == 1
    counted.clear()
    return counted


def finish(folder, *flags, pick=("2", "4")):
    assert program(["picks", "add", "out", "a.png", *pick]) == 0
    assert program([*LATER, *flags]) == 0
    told = json.loads((folder / "out" / "a.png.ttpo.json").read_text())
    return (folder / "out" / "a.png").read_bytes(), {
        name: told[name] for name in ("candidates", "rows", "network_calls", "seeds", "chosen")
    }


def without_time(told):
    return {**told, "rows": {row: {**values, "seconds": None} for row, values in told["rows"].items()}}


def test_the_finishing_run_makes_no_candidates_and_writes_the_same_bytes_as_one_that_does(made, tmp_path):
    path = stored_path(tmp_path / "out", "a.png")
    kept = path.read_bytes()
    picture, told = finish(tmp_path)
    assert made == [] and not path.exists(), "what is finished needs no latents"
    (tmp_path / "out" / "a.png").unlink()
    assert program(LATER) == 0 and len(made) == 1
    again = json.loads((tmp_path / "out" / "a.png.ttpo.json").read_text())
    assert (tmp_path / "out" / "a.png").read_bytes() == picture
    assert without_time({name: again[name] for name in told}) == without_time(told) and told["network_calls"]["candidates"] > 0
    assert len(kept) > 4 * 5 * 3 * 48 * 64  # five candidates in single precision


def test_a_photo_that_the_metrics_finish_after_all_uses_them_too(made, tmp_path):
    assert program(["restore", "album", "-o", "out", "-q"]) == 0
    assert made == [] and program(["restore", "album", "-o", "fresh", "-q"]) == 0
    assert (tmp_path / "out" / "a.png").read_bytes() == (tmp_path / "fresh" / "a.png").read_bytes()


@pytest.mark.parametrize("change", ["versions", "machine", "damage"])
def test_latents_of_other_circumstances_or_damaged_are_made_again_to_the_same_picture(change, made, tmp_path, monkeypatch):
    path = stored_path(tmp_path / "out", "a.png")
    if change == "versions":
        monkeypatch.setattr(restoration, "versions", lambda: {"torch": "another"})
    elif change == "machine":
        monkeypatch.setattr("ttpo_cli.report.output.describe_machine", lambda: {"cpu": "another"})
    else:
        path.write_bytes(path.read_bytes()[:-7])
    picture, _ = finish(tmp_path)
    assert len(made) == 1
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline, "load_engine", lambda *arguments, **named: tiny_engine())
    assert program(["restore", "album", "-o", "plain", "-q", "--select", "later"]) == 0
    assert program(["picks", "add", "plain", "a.png", "2", "4"]) == 0
    assert program(["restore", "album", "-o", "plain", "-q", "--select", "later"]) == 0
    assert (tmp_path / "plain" / "a.png").read_bytes() == picture


def test_other_settings_make_other_candidates_and_other_weights_do_not(made, tmp_path):
    assert program([*LATER, "--selection-fusion", "weights", "--selection-weights", "roughness=2,calm=1"]) == 0 and made == []
    assert program([*LATER, "--selection-fusion", "weights", "--selection-weights", "roughness=2,calm=1", "--seed", "3"]) == 0
    assert len(made) == 1


def test_latents_need_not_be_kept(made, tmp_path):
    assert program([*LATER, "--no-latents", "--seed", "4"]) == 0
    assert len(made) == 1 and not stored_path(tmp_path / "out", "a.png").exists()


def test_stored_candidates_come_back_bit_by_bit(tmp_path):
    path = tmp_path / "latents.safetensors"
    path.write_bytes(stored_bytes(MADE, {"torch": "1"}))
    back = read_stored(path, {"torch": "1"})
    assert torch.equal(back.latents, MADE.latents) and back.latents.dtype == MADE.latents.dtype
    assert {**vars(back), "latents": None} == {**vars(MADE), "latents": None}
    assert read_stored(path, {"torch": "2"}) is None and read_stored(tmp_path / "none", {"torch": "1"}) is None


def test_the_facts_of_a_photos_candidates_tell_photos_apart(made, tmp_path):
    seen = {}
    kept = restoration.FolderRestorer._facts

    def facts(self, key):
        seen[key[0]] = kept(self, key)
        return seen[key[0]]

    write_photo(tmp_path / "album" / "b.png", tiny_photo(seed=2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(restoration.FolderRestorer, "_facts", facts)
        assert program([*LATER, "--seed", "9"]) == 0
    assert len({json.dumps(value) for value in seen.values()}) == 2
