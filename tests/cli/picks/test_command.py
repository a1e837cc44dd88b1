"""A person's path without a browser: candidates now, picks, finished photos, pairs for a trainer, agreement with the metrics."""

import json
import re
from pathlib import Path

import pytest
from fakes import tiny_engine, tiny_photo

from ttpo_cli import pipeline
from ttpo_cli.cli.app import program
from ttpo_cli.cli.picks.actions import wilson
from ttpo_cli.folder.journal import open_folder_journal, read_rows
from ttpo_cli.folder.pick_store import add_pick, picks_path, read_folder_picks
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.writing import write_photo
from ttpo_cli.pick_page.pending import Backlog
from ttpo_cli.preference.pick import Pick
from ttpo_cli.settings.settings import Settings


@pytest.fixture
def out(tmp_path, monkeypatch, capsys):
    """An album of two whose candidates are made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline, "load_engine", lambda *arguments, **named: tiny_engine())
    write_photo(tmp_path / "album" / "one.png", tiny_photo(seed=1))
    write_photo(tmp_path / "album" / "deep" / "two.png", tiny_photo(seed=2))
    assert later() == 0
    capsys.readouterr()
    return tmp_path / "out"


def later(*flags):
    return program(["restore", "album", "-r", "-o", "out", "-q", "--select", "later", *flags])


def pictures(out):
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*.png") if ".ttpo" not in path.parts)


def test_candidates_are_made_once_and_nothing_is_finished_before_the_picks(out, capsys):
    made = sorted(path.name for path in (out / ".ttpo" / "candidates" / "deep" / "two.png").iterdir())
    assert made == [*(f"{row:02d}.png" for row in range(6)), "latents.safetensors", "proposal.json"] and pictures(out) == []
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    assert program(["restore", "album", "-r", "-o", "out", "--select", "later"]) == 0
    assert "2 waiting for a pick" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.png")} == before


def test_the_backlog_of_the_web_page_leads_to_finished_photos_too(out):
    backlog = Backlog(out)
    for photo, pair in zip(backlog.photos(), [(2, 4), (5, 0)], strict=True):
        backlog.choose(photo.address, pair, backlog.photo(photo.address)[1])
    assert later() == 0 and pictures(out) == ["deep/two.png", "one.png"]
    assert json.loads((out / "one.png.ttpo.json").read_text())["settings"]["pick"] == [5, 0]


def test_what_a_kill_left_among_the_candidates_goes_with_the_next_run(out):
    with open_folder_journal(out) as journal:
        mark = journal.mark
    folder = out / ".ttpo" / "candidates" / "deep" / "two.png"
    ours, of_somebody_else = folder / f".ttpo-{mark}-0123.part", folder / ".ttpo-beef-0123.part"
    for path in (ours, of_somebody_else):
        path.touch()
    assert later() == 0
    assert not ours.exists() and of_somebody_else.exists()


def test_a_report_says_who_is_waited_for_and_an_estimate_counts_what_was_picked(out, capsys):
    assert program(["report", "out", "-o", "page.html"]) == 0
    assert (out.parent / "page.html").read_text().count("waits for a pick: `ttpo pick out`") == 2
    write_photo(out.parent / "album" / "three.png", tiny_photo(seed=3))
    assert later() == 0
    for target in ("one.png", "three.png", "deep/two.png"):
        assert program(["picks", "add", "out", target, "2", "4"]) == 0
    assert later() == 0
    write_photo(out.parent / "album" / "four.png", tiny_photo(seed=4))
    capsys.readouterr()
    assert later("--dry-run", "--json") == 0
    assert "3 photos of this folder" in json.loads(capsys.readouterr().out)["results"][0]["estimate"]["how"]


def test_a_picked_photo_is_finished_by_the_next_run_and_by_no_further_one(out, capsys):
    assert program(["picks", "add", "out", "one.png", "2", "4"]) == 0
    assert later() == 0 and pictures(out) == ["one.png"]
    record = json.loads((out / "one.png.ttpo.json").read_text())
    assert record["settings"]["pick"] == [2, 4] and "a person preferred candidate 2" in record["reason"]
    capsys.readouterr()
    assert later("--json") == 0
    assert json.loads(capsys.readouterr().out)["results"] == []
    assert program(["replay", "out/one.png.ttpo.json", "-q"]) == 0
    assert program(["picks", "add", "out", "one.png", "3", "1"]) == 0
    assert later() == 0
    assert json.loads((out / "one.png.ttpo.json").read_text())["settings"]["pick"] == [3, 1]


def test_a_pick_holds_without_the_option_too_and_the_rest_is_left_to_the_metrics(out):
    assert program(["picks", "add", "out", "one.png", "2", "4"]) == 0
    assert program(["restore", "album", "-r", "-o", "out", "-q"]) == 0
    picked = {name: json.loads((out / f"{name}.ttpo.json").read_text())["settings"]["pick"] for name in pictures(out)}
    assert picked == {"one.png": [2, 4], "deep/two.png": []}


def test_a_pick_is_of_one_content_and_of_one_choice_of_settings(out):
    assert program(["picks", "add", "out", "one.png", "2", "4"]) == 0
    write_photo(Path("album/one.png"), tiny_photo(seed=8), overwrite=True)
    assert later() == 0 and pictures(out) == []
    assert later("--seed", "5") == 0 and pictures(out) == []
    assert {row.state for row in read_rows(out)} == {"proposed"}


def test_a_pick_taken_back_waits_again(out):
    assert program(["picks", "add", "out", "one.png", "2", "4"]) == 0
    assert program(["picks", "undo", "out", "one.png"]) == 0
    assert later() == 0 and pictures(out) == []
    assert program(["picks", "undo", "out", "one.png"]) == 1


@pytest.mark.parametrize(("words", "code"), [(["one.png", "2", "2"], 2), (["one.png", "9", "1"], 2), (["three.png", "1", "2"], 1)])
def test_a_pick_of_what_is_not_there_is_refused(words, code, out, capsys):
    assert program(["picks", "add", "out", *words]) == code
    assert not picks_path(out).exists() and capsys.readouterr().err.count("\n") == 1


def test_pairs_are_exported_with_the_pixels_that_were_shown(out, capsys):
    program(["picks", "add", "out", "one.png", "2", "4"])
    assert program(["picks", "export", "out"]) == 0
    (pair,) = map(json.loads, capsys.readouterr().out.splitlines())
    photo = read_photo(Path("album/one.png"))
    made = pipeline.restore_photo(photo, tiny_engine(), Settings()).outcome.candidates
    for name, row in (("preferred", 2), ("dispreferred", 4)):
        assert read_photo(Path(pair[name])).pixels.equal((made[row : row + 1] * 255).round() / 255)
    assert pair["preferred_label"].startswith("candidate 2")
    assert program(["picks", "export", "out", "-o", "pairs.jsonl"]) == 0
    assert json.loads(Path("pairs.jsonl").read_text()) == pair


def test_stats_say_how_often_each_metric_agrees(out, capsys):
    program(["picks", "add", "out", "one.png", "1", "5"])
    assert program(["picks", "stats", "out"]) == 0
    assert re.search(r"\b1 pick\b", capsys.readouterr().err)
    program(["picks", "add", "out", "deep/two.png", "1", "5"])
    assert program(["picks", "stats", "out", "--json"]) == 0
    shown = capsys.readouterr()
    told = json.loads(shown.out)
    proposal = json.loads((out / ".ttpo" / "candidates" / "one.png" / "proposal.json").read_text())
    rough = proposal["scores"]["roughness"]
    assert told["picks"] == 2 and set(told["metrics"]) == {"roughness", "calm"}
    assert told["metrics"]["roughness"]["asked"] == 2 and "2 picks" in shown.err
    # `calm` falls with roughness and lower is better, so both metrics say the same of every pair.
    assert told["metrics"]["roughness"]["agreed"] == told["metrics"]["calm"]["agreed"] == 2 * (rough[1] > rough[5])


def test_a_line_cut_short_by_a_kill_does_not_spoil_the_next_pick(out):
    one, two = Pick("a", "b", "c", 1, 2), Pick("d", "e", "f", 3, 4)
    add_pick(out, one)
    with picks_path(out).open("a") as stream:
        stream.write('{"schema_ver')
    add_pick(out, two)
    assert list(read_folder_picks(out).values()) == [one, two]


def test_candidates_for_later_need_a_folder(out, capsys):
    assert program(["restore", "album/one.png", "--select", "later"]) == 2
    assert "output folder" in capsys.readouterr().err


def test_a_share_has_the_interval_of_wilson():
    low, high = wilson(8, 10)
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)
    assert wilson(0, 5)[0] == pytest.approx(0) and wilson(5, 5)[1] == pytest.approx(1)


def test_candidates_that_were_deleted_are_made_again(out):
    folder = out / ".ttpo" / "candidates" / "one.png"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "proposal.json").unlink()
    assert later() == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
