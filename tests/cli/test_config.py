"""`ttpo config` shows what holds and where it comes from, in TOML that says the same when it is read."""

import json
import sys

import pytest

from ttpo_cli.cli.app import program
from ttpo_cli.cli.options.defaults import OPTIONS, own_defaults

FILE = 'scale = 2\nbackbone = "a\\"b"\ninclude = ["*.jpg"]\n[selection]\nweights = {niqe = 1}\n[guard]\nenabled = false\n'


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(FILE)
    return file


def test_what_is_shown_says_the_same_when_it_is_read(config, tmp_path, capsys):
    assert program(["config", "--config", str(config)]) == 0
    again = tmp_path / "again.toml"
    again.write_text(capsys.readouterr().out)
    values = {key: own.value for key, own in own_defaults(config, {}).items()}
    assert len(values) == 5
    assert {key: own.value for key, own in own_defaults(again, {}).items()} == values


def test_all_options_with_their_defaults_can_be_read_again(config, tmp_path, capsys):
    assert program(["config", "--all"]) == 0
    again = tmp_path / "again.toml"
    again.write_text(capsys.readouterr().out)
    assert all(own.value == OPTIONS[key].default for key, own in own_defaults(again, {}).items())


def test_each_value_has_its_source(config, capsys, monkeypatch):
    monkeypatch.setenv("TTPO_SCALE", "3")
    assert program(["config", "--config", str(config), "--json"]) == 0
    options = json.loads(capsys.readouterr().out)["options"]
    assert options["scale"] == {"value": 3.0, "source": "TTPO_SCALE"}
    assert options["guard-enabled"] == {"value": False, "source": str(config)}


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the folder for settings follows XDG_CONFIG_HOME on Linux only")
def test_the_place_of_the_users_file_is_said_whether_it_is_there_or_not(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert program(["config"]) == 0
    place = str(tmp_path / "ttpo" / "ttpo.toml")
    assert f"your own file is not there: {place}" in capsys.readouterr().err


def test_a_variable_that_sets_nothing_is_named(monkeypatch, capsys):
    monkeypatch.setenv("TTPO_SCALLE", "3")
    assert program(["config", "-q"]) == 0
    assert "TTPO_SCALLE sets no option" in capsys.readouterr().err
