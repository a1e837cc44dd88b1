"""A user's own defaults: each layer over the weaker ones, every type of value, and clear errors for what cannot be."""

import inspect
import os
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ttpo_cli.cli.app import app, program
from ttpo_cli.cli.options.defaults import OPTIONS, own_defaults, unknown_variables, user_file, variable
from ttpo_cli.cli.options.values import expected, toml, value_of, value_of_text
from ttpo_cli.cli.restore.command import restore
from ttpo_cli.errors import TtpoError, UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

needs_xdg = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the folder for settings follows XDG_CONFIG_HOME on Linux only")


@pytest.fixture
def mine(monkeypatch, tmp_path):
    """Write the user's own file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def write(text):
        user_file().parent.mkdir(parents=True, exist_ok=True)
        user_file().write_text(text, "utf-8")
        return user_file()

    return write


@pytest.fixture
def received(monkeypatch):
    """What `ttpo restore` receives of a command line."""
    values = {}

    class Stopped(Exception):
        pass

    def stop(request, asked, summary):
        values.update(asked.values)
        raise Stopped

    monkeypatch.setattr("ttpo_cli.cli.restore.run.restore_photos", stop)

    def run(*arguments):
        outcome = CliRunner().invoke(app, ["restore", "photo.png", *arguments])
        assert isinstance(outcome.exception, Stopped), outcome.exception
        return values

    return run


@needs_xdg
def test_each_layer_holds_over_the_weaker_ones(mine, received, tmp_path, monkeypatch):
    assert received()["size_scale"] is None
    mine("scale = 2\nquality = 80")
    assert received()["size_scale"] == 2.0
    config = tmp_path / "other.toml"
    config.write_text("scale = 3")
    assert received("--config", str(config))["size_scale"] == 3.0
    monkeypatch.setenv("TTPO_SCALE", "1.5")
    assert received("--config", str(config))["size_scale"] == 1.5
    got = received("--config", str(config), "--scale", "1")
    assert got["size_scale"] == 1.0 and got["quality"] == 80


def test_a_typed_default_holds_over_a_users_default(received, monkeypatch):
    monkeypatch.setenv("TTPO_QUALITY", "60")
    assert received()["quality"] == 60 and received("--quality", "95")["quality"] == 95


def test_a_former_flag_holds_over_a_users_default(received, monkeypatch):
    monkeypatch.setenv("TTPO_GUIDANCE_UPDATE", "normalised")
    assert received("--guidance-step", "paper")["guidance_update"] == "paper"


def test_the_variable_names_a_config(received, monkeypatch, tmp_path):
    (tmp_path / "a.toml").write_text("[candidates]\nsteps = 3")
    monkeypatch.setenv("TTPO_CONFIG", str(tmp_path / "a.toml"))
    assert received()["candidates_steps"] == 3


def test_other_commands_take_no_defaults_so_that_their_tables_are_the_same_everywhere(monkeypatch):
    monkeypatch.setenv("TTPO_CANDIDATES_STEPS", "2")
    command = typer.main.get_command(app).commands
    assert command["restore"].make_context("restore", ["photo.png"]).params["candidates_steps"] == 2
    assert command["eval"].make_context("eval", ["folder"]).params["candidates_steps"] == OPTIONS["candidates-steps"].default


@pytest.mark.parametrize("key", OPTIONS)
def test_a_default_written_as_toml_is_read_as_the_same_value(key):
    flag = OPTIONS[key]
    if flag.default is not None:
        assert value_of(flag, tomllib.loads(f"x = {toml(flag.default)}")["x"]) == flag.default


@pytest.mark.parametrize("key", OPTIONS)
def test_every_option_has_a_key_a_variable_and_a_range(key):
    flag = OPTIONS[key]
    assert flag.name in inspect.signature(restore).parameters
    assert variable(flag) == "TTPO_" + key.upper().replace("-", "_")
    assert expected(flag)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("scale", "2", 2.0),
        ("quality", "60", 60),
        ("tile", "auto", "auto"),
        ("tile", "512", 512),
        ("shrink", "0.5", "0.5"),
        ("bit-depth", "16", "16"),
        ("ttpo", "off", False),
        ("guard-enabled", "0", False),
        ("candidates-strengths", "0.1,0.2", (0.1, 0.2)),
        ("candidates-strengths", "0.1", (0.1,)),
        ("metrics", "niqe,piqe", ("niqe", "piqe")),
        ("keep", "icc", frozenset({"icc"})),
        ("keep", "none", frozenset()),
        ("include", os.pathsep.join(["*.jpg", "a,b"]), ("*.jpg", "a,b")),
        ("selection-weights", "niqe=1,ranker=2", {"niqe": 1.0, "ranker": 2.0}),
        ("metric-weights", "niqe=a.safetensors", {"niqe": Path("a.safetensors")}),
        ("report", "a.html", Path("a.html")),
        ("prior-prompt", "7", "7"),
    ],
)
def test_text_of_the_environment_is_read_as_the_field_holds_it(key, text, value):
    assert value_of_text(OPTIONS[key], text) == value


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("qualty = 3", "did you mean quality"),
        ("[candidates]\nstep = 3", "did you mean candidates-steps"),
        ("[candidats]\nsteps = 3", "did you mean candidates-steps"),
        ('scale = "big"', 'scale = "big": give a number'),
        ("scale = true", "scale = true: give a number"),
        ("scale = inf", "give a number"),
        ("quality = 200", "quality = 200: give a whole number from 1 to 100"),
        ("quality = 1.5", "quality = 1.5: give a whole number"),
        ('format = "bmp"', "one of keep, png, jpeg, tiff, webp"),
        ('ttpo = "maybe"', "true or false"),
        ("backbone = 3", "backbone = 3: give text"),
        ("include = [1]", "a list of words"),
        ("[candidates]\nstrengths = [0.1, 2]", "numbers from 0 to 1"),
        ('keep = ["exif", "gps"]', "some of exif, icc"),
        ('selection-weights = {niqe = "a"}', "names with numbers"),
        ("scale = 1979-05-27", "give a number"),
    ],
)
def test_a_value_that_cannot_be_is_one_clear_line_that_names_the_file(line, says, tmp_path, capsys):
    file = tmp_path / "mine.toml"
    file.write_text(line)
    assert program(["restore", "photo.png", "--config", str(file)]) == 2
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1 and str(file) in shown and says in shown


@pytest.mark.parametrize("text", [None, "scale = ", b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_one_clear_line(text, tmp_path):
    file = tmp_path / "mine.toml"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(TtpoError, match=r"mine\.toml' cannot be read \(.+\): give a file in TOML"):
        own_defaults(file, {})


def test_a_wrong_variable_is_named():
    with pytest.raises(UsageError, match="TTPO_QUALITY: quality = 200: give a whole number from 1 to 100"):
        own_defaults(None, {"TTPO_QUALITY": "200"})


def test_an_unknown_variable_is_told_from_those_that_are_no_options():
    assert unknown_variables({"TTPO_SCALLE": "1", "TTPO_HOME": "x", "TTPO_SCALE": "2", "HOME": "y"}) == ["TTPO_SCALLE"]


@pytest.mark.skipif(not user_file().is_absolute(), reason="this platform names no folder for settings")
def test_the_users_own_file_has_its_name_in_a_folder_of_its_own():
    assert user_file().name == "ttpo.toml" and user_file().parent.name.lower() in ("ttpo", ".ttpo")
