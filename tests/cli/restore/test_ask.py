"""`--select ask` on a pseudo terminal: the real command, a person's keys, and what stands in the folder afterwards."""

import base64
import io
import json
import re
import sys

import pytest
from fakes import tiny_engine, tiny_photo
from PIL import Image

from ttpo_cli import pipeline
from ttpo_cli.cli.app import program
from ttpo_cli.cli.terminal.picture import inline_image, inline_protocol, viewer_command
from ttpo_cli.folder.pick_store import picks_path, read_folder_picks, read_proposal
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.writing import write_photo
from ttpo_cli.settings.settings import Settings

FOLDER = ("restore", "album", "-o", "out", "--select", "ask")
CHOICE = "best -, worst - "
on_a_terminal = pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals are POSIX")


@pytest.fixture
def album(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for index in (1, 2, 3):
        write_photo(tmp_path / "album" / f"{index}.png", tiny_photo(seed=index))
    return tmp_path


@pytest.fixture(scope="module")
def runner():
    from terminal_run import TerminalRunner

    made = TerminalRunner()
    yield made
    made.close()


def choose(session, *keys):
    for pressed in keys:
        session.read_until(CHOICE)
        session.type(pressed)


def picks_of(folder):
    """{photo: pick} as the sidecars tell."""
    return {path.name[:5]: json.loads(path.read_text())["settings"]["pick"] for path in sorted((folder / "out").glob("*.ttpo.json"))}


@on_a_terminal
def test_keys_become_picks_that_replay_and_are_not_asked_for_again(runner, album, monkeypatch, capsys):
    session = runner.start(album, *FOLDER)
    sheet = re.search(r"looked at: (\S+\.png)", session.read_until(CHOICE)).group(1)
    assert Image.open(sheet).size[0] > 3 * 64
    session.type("3!\r")
    choose(session, "s", "2d4\n")
    code, stdout = session.end()
    assert code == 0 and len(stdout.splitlines()) == 3
    assert picks_of(album) == {"1.png": [3, 1], "2.png": [], "3.png": [2, 4]}
    held = {pick.target: (pick.preferred, pick.dispreferred) for pick in read_folder_picks(album / "out").values()}
    assert held == {"1.png": (3, 1), "3.png": (2, 4)}
    assert read_proposal(album / "out", "1.png").labels[3].startswith("candidate 3")
    monkeypatch.setattr(pipeline, "load_engine", lambda *arguments, **named: tiny_engine())
    assert program(["replay", "out/1.png.ttpo.json", "-q"]) == 0
    capsys.readouterr()
    assert program(["restore", "album", "-o", "out", "--json", "-q"]) == 0
    assert [entry["why"] for entry in json.loads(capsys.readouterr().out)["skipped"]] == ["done before"] * 3


@on_a_terminal
def test_the_metrics_choose_after_a_skip_as_without_the_question(runner, album, monkeypatch):
    session = runner.start(album, *FOLDER)
    choose(session, "s", "s", "s")
    assert session.end()[0] == 0 and not picks_path(album / "out").exists()
    monkeypatch.setattr(pipeline, "load_engine", lambda *arguments, **named: tiny_engine())
    assert program(["restore", "album", "-o", "unasked", "-q"]) == 0
    for name in ("1.png", "2.png", "3.png"):
        assert (album / "out" / name).read_bytes() == (album / "unasked" / name).read_bytes()
    assert program(["picks", "add", "out", "2.png", "2", "1"]) == 0, "a photo that was skipped can be picked later"
    assert program(["restore", "album", "-o", "out", "-q"]) == 0
    assert json.loads((album / "out" / "2.png.ttpo.json").read_text())["settings"]["pick"] == [2, 1]


@on_a_terminal
def test_an_answer_is_the_same_picture_as_the_same_pick_made_later(runner, album, monkeypatch):
    session = runner.start(album, *FOLDER)
    choose(session, "3!\r", "s", "s")
    assert session.end()[0] == 0
    monkeypatch.setattr(pipeline, "load_engine", lambda *arguments, **named: tiny_engine())
    later = ["restore", "album", "-o", "waited", "--select", "later", "-q"]
    assert program(later) == 0
    for name in ("00.png", "05.png", "proposal.json"):
        asked, made = ((album / out / ".ttpo" / "candidates" / "1.png" / name).read_bytes() for out in ("out", "waited"))
        assert asked == made
    assert program(["picks", "add", "waited", "1.png", "3", "1"]) == 0 and program(later) == 0
    assert (album / "out" / "1.png").read_bytes() == (album / "waited" / "1.png").read_bytes()


@on_a_terminal
def test_stopping_keeps_what_is_finished_and_the_next_run_asks_for_the_rest(runner, album):
    session = runner.start(album, *FOLDER)
    choose(session, "3!\r", "q")
    assert session.end()[0] == 130
    assert picks_of(album) == {"1.png": [3, 1]}
    assert list((album / "out").glob("*.part")) == []
    session = runner.start(album, *FOLDER)
    choose(session, "1@\r", "1@\r")
    assert session.end()[0] == 0
    assert picks_of(album) == {"1.png": [3, 1], "2.png": [1, 2], "3.png": [1, 2]}


@on_a_terminal
def test_undo_before_any_key_takes_the_pick_before_back_and_the_next_run_asks_again(runner, album):
    session = runner.start(album, *FOLDER)
    choose(session, "3!\r", "u")
    assert "1.png: its pick is taken back" in session.read_until(CHOICE)
    session.type("u")
    assert "no pick of this run" in session.read_until(CHOICE)
    session.type("s")
    choose(session, "1@\r")
    assert session.end()[0] == 0
    assert {pick.target for pick in read_folder_picks(album / "out").values()} == {"3.png"}
    session = runner.start(album, *FOLDER)
    choose(session, "2@3\r")
    assert session.end()[0] == 0
    assert picks_of(album) == {"1.png": [3, 2], "2.png": [], "3.png": [1, 2]}


@on_a_terminal
def test_an_arrow_key_is_no_answer(runner, album):
    session = runner.start(album, "restore", "album/1.png", "-o", "out/1.png", "--select", "ask")
    choose(session, "3!")
    session.read_until("worst 1 ")
    session.type("\x1b[4~")
    session.read_until("best 3, worst 1 ")
    session.type("\r")
    assert session.end()[0] == 0 and picks_of(album) == {"1.png": [3, 1]}


@on_a_terminal
def test_a_single_photo_keeps_the_pick_in_its_sidecar_by_which_it_replays(runner, album, monkeypatch):
    session = runner.start(album, "restore", "album/1.png", "-o", "out/1.png", "--select", "ask")
    choose(session, "4@\r")
    assert session.end()[0] == 0 and picks_of(album) == {"1.png": [4, 2]} and not (album / "out" / ".ttpo").exists()
    monkeypatch.setattr(pipeline, "load_engine", lambda *arguments, **named: tiny_engine())
    assert program(["replay", "out/1.png.ttpo.json", "-q"]) == 0
    source = read_photo(album / "album" / "1.png")
    expected = pipeline.restore_photo(source, tiny_engine(), Settings(pick=(4, 2))).outcome.final
    assert (read_photo(album / "out" / "1.png").pixels - expected).abs().max() <= 0.5 / 255 + 1e-6


@on_a_terminal
def test_a_photo_in_regions_is_not_asked_about_and_a_note_says_so(runner, album):
    session = runner.start(album, *FOLDER, "--region", "32", "--region-overlap", "8")
    assert session.end()[0] == 0
    alone = runner.start(album, "restore", "album/1.png", "-o", "alone/1.png", "--select", "ask", "--region", "32", "--region-overlap", "8")
    assert alone.end()[0] == 0
    for place in ("out", "alone"):
        notes = json.loads((album / place / "1.png.ttpo.json").read_text())["notes"]
        assert sum("nothing to pick" in note for note in notes) == 1


@on_a_terminal
def test_z_shows_a_part_at_full_size_and_the_whole_again(runner, album):
    write_photo(album / "large.png", tiny_photo(160, 150))
    session = runner.start(album, "restore", "large.png", "-o", "out/1.png", "--select", "ask")
    sheets = []
    for key in ("z", "z", "s"):
        path = re.search(r"looked at: (\S+\.png)", session.read_until(CHOICE)).group(1)
        sheets.append(Image.open(path).convert("RGB").tobytes())
        session.type(key)
    assert session.end()[0] == 0 and sheets[0] == sheets[2] != sheets[1]


@on_a_terminal
def test_a_terminal_that_shows_images_is_sent_one(runner, album):
    session = runner.start(album, "restore", "album/1.png", "-o", "out/1.png", "--select", "ask", TERM_PROGRAM="iTerm.app")
    shown = session.read_until(CHOICE)
    session.type("s")
    assert session.end()[0] == 0 and "looked at" not in shown
    picture = base64.b64decode(re.search(r"\x1b\]1337;File=[^:]*:([^\x07]*)\x07", shown).group(1))
    assert Image.open(io.BytesIO(picture)).size[0] > 3 * 64


@on_a_terminal
def test_nothing_is_asked_where_no_candidates_are_made(runner, album):
    session = runner.start(album, *FOLDER, "--no-ttpo")
    assert "leave out one of them" in session.read_until("of them") and session.end()[0] == 2


def test_without_a_terminal_nobody_can_be_asked(album, capsys):
    assert program([*FOLDER]) == 2
    said = capsys.readouterr().err
    assert "needs a terminal" in said and said.count("\n") == 1 and not (album / "out").exists()


def test_the_kitty_protocol_carries_the_bytes_in_pieces_and_asks_for_no_answer():
    png = bytes(range(256)) * 40
    pieces = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", inline_image(png, "kitty", 80))
    assert base64.b64decode("".join(data for _, data in pieces)) == png
    assert all(len(data) <= 4096 for _, data in pieces) and len(pieces) > 1
    assert {"a=T", "f=100", "q=2", "m=1"} <= set(pieces[0][0].split(","))
    assert [head for head, _ in pieces[1:]] == ["m=1"] * (len(pieces) - 2) + ["m=0"]


@pytest.mark.parametrize(
    ("environment", "protocol"),
    [
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM_PROGRAM": "WezTerm"}, "iterm2"),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, "iterm2"),
        ({"TERM": "screen-256color", "TERM_PROGRAM": "iTerm.app"}, None),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux,1,0"}, None),
    ],
)
def test_a_terminal_is_known_by_its_environment(environment, protocol):
    assert inline_protocol(environment) == protocol


@pytest.mark.parametrize(
    ("platform", "environment", "command"),
    [
        ("linux", {"DISPLAY": ":0"}, ["xdg-open"]),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, ["xdg-open"]),
        ("linux", {}, None),
        ("linux", {"SSH_CONNECTION": "a b", "DISPLAY": "localhost:10"}, ["xdg-open"]),
        ("darwin", {}, ["open"]),
        ("darwin", {"SSH_TTY": "/dev/ttys1"}, None),
        ("win32", {"SSH_CONNECTION": "a b"}, None),
    ],
)
def test_a_viewer_is_opened_only_where_there_is_a_screen(platform, environment, command):
    assert viewer_command(platform, environment) == command
