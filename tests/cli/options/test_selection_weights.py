"""`ttpo picks fit` and `--selection-weights`: from picks to numbers in the settings, redone and replayed."""

import json
import shutil

import pytest
from fakes import tiny_engine, tiny_photo
from folder_with_picks import picked_folder

from ttpo_cli import pipeline
from ttpo_cli.cli.app import program
from ttpo_cli.folder.pick_store import picks_path
from ttpo_cli.imaging.writing import write_photo

METRICS = ("--metrics", "roughness,calm")
RESTORE = ["restore", "album", "-o", "out", "--json", "-q", *METRICS]


@pytest.fixture
def album(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline, "load_engine", lambda *arguments, **named: tiny_engine())
    for index in (1, 2):
        write_photo(tmp_path / "album" / f"{index}.jpg", tiny_photo(seed=index))
    picked_folder(tmp_path / "out", 30)
    return tmp_path


def said(capsys, *words, code=0):
    assert program([*words]) == code
    return json.loads(capsys.readouterr().out)


def selection(album, name="1.jpg"):
    return json.loads((album / "out" / f"{name}.ttpo.json").read_text())["settings"]["selection"]


def test_a_fit_is_written_shown_and_used(album, capsys):
    assert program(["picks", "fit", "out", "-o", "mine.json"]) == 0
    shown = capsys.readouterr()
    fitted = json.loads((album / "mine.json").read_text())
    assert "30 picks" in shown.err and "held out" in shown.err and shown.out.strip().endswith("mine.json")
    assert f"{fitted['weights']['roughness']:+.2f}" in shown.err and f"{fitted['standard_errors']['calm']:.2f}" in shown.err
    assert program(["picks", "fit", "out", "-o", "mine.json"]) == 1, "never written over unasked"
    capsys.readouterr()
    assert len(said(capsys, *RESTORE, "--selection-weights", "mine.json")["results"]) == 2
    assert selection(album)["fusion"] == "learned" and selection(album)["weights"] == fitted["weights"]


def test_learned_is_what_the_picks_in_the_output_folder_say_and_replays_without_them(album, capsys):
    fitted = said(capsys, "picks", "fit", "out", "--json", "-q")
    assert len(said(capsys, *RESTORE, "--selection-weights", "learned")["results"]) == 2
    assert selection(album)["weights"] == fitted["weights"]
    shutil.rmtree(picks_path(album / "out").parent)
    assert program(["replay", "out/1.jpg.ttpo.json", "-q"]) == 0


def test_weights_redo_what_they_change_and_nothing_where_they_are_the_same(album, capsys):
    assert len(said(capsys, *RESTORE)["results"]) == 2
    assert len(said(capsys, *RESTORE, "--selection-weights", "learned")["results"]) == 2
    assert said(capsys, *RESTORE, "--selection-weights", "learned")["results"] == []
    picked_folder(album / "out", 31, seed=5)
    assert len(said(capsys, *RESTORE, "--selection-weights", "learned")["results"]) == 2


def test_a_pick_holds_under_other_weights(album, capsys):
    assert program([*RESTORE, "--select", "later"]) == 0
    assert program(["picks", "add", "out", "1.jpg", "3", "1"]) == 0
    capsys.readouterr()
    other = ["--selection-weights", "roughness=1,calm=3", "--selection-fusion", "weights"]
    assert len(said(capsys, *RESTORE, "--select", "later", *other)["results"]) == 1
    assert json.loads((album / "out" / "1.jpg.ttpo.json").read_text())["settings"]["pick"] == [3, 1]


def test_stats_show_the_weights_once_there_are_picks_enough(album, capsys):
    told = said(capsys, "picks", "stats", "out", "--json")
    assert told["learned"]["picks"] == 30 and set(told["learned"]["weights"]) == {"roughness", "calm"}
    few = picked_folder(album / "few", 19)
    assert "learned" not in said(capsys, "picks", "stats", str(few), "--json")
    assert program(["picks", "stats", "out"]) == 0 and "standard error" in capsys.readouterr().err


def test_several_folders_are_learned_from_together(album, capsys):
    picked_folder(album / "more", 12, seed=3)
    assert said(capsys, "picks", "fit", "out", "more", "--json", "-q")["picks"] == 42


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["picks", "fit", "few"], 1, "too few"),
        (["picks", "fit", "out", "--metrics", "niqe"], 1, "no pick says anything about niqe"),
        (["restore", "album", "-o", "few", "--selection-weights", "learned", *METRICS], 1, "too few"),
        (["restore", "album", "-o", "out", "--selection-weights", "learned"], 1, "no pick says anything about ranker, niqe"),
        (["restore", "album/1.jpg", "--selection-weights", "learned", *METRICS], 2, "output folder"),
        (["restore", "album", "-o", "out", "--selection-weights", "none.json", *METRICS], 1, "picks fit"),
        (
            ["restore", "album", "-o", "out", "--selection-weights", "learned", "--selection-fusion", "rank", *METRICS],
            2,
            "fusion of its own",
        ),
        (["restore", "album", "-o", "out", "--selection-weights", "niqe"], 2, "niqe=1"),
    ],
)
def test_what_cannot_be_learned_or_meant_is_one_line_and_nothing_is_restored(words, code, told, album, capsys):
    picked_folder(album / "few", 19)
    assert program(words) == code
    errors = capsys.readouterr().err
    assert told in errors and errors.count("\n") == 1 and not list(album.rglob("*.ttpo.json"))


def test_weights_fitted_without_the_ceiling_are_used_without_it(album, capsys):
    assert program(["picks", "fit", "out", "--no-ceiling", "-o", "mine.json", "-q"]) == 0
    assert program([*RESTORE, "--selection-weights", "mine.json"]) == 2 and "ceiling off" in capsys.readouterr().err
    assert program([*RESTORE, "--selection-weights", "mine.json", "--selection-ceiling", "off"]) == 0
