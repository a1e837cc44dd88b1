"""The help of `ttpo restore` fits a screen and holds what photographers use; --help-all holds every option."""

import re

import pytest

from ttpo_cli.cli.app import program
from ttpo_cli.cli.options.flags import FLAGS, RUN_FLAGS
from ttpo_cli.cli.options.help import BRIEF

EVERY = {**FLAGS, **RUN_FLAGS}.values()


def shown(arguments, capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert program(arguments) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_the_help_has_at_most_45_lines_each_within_the_screen(columns, capsys, monkeypatch):
    lines = shown(["restore", "--help"], capsys, monkeypatch, columns).splitlines()
    assert len(lines) <= 45 and max(map(len, lines)) <= columns


def test_the_help_has_the_options_marked_where_they_are_declared_and_no_others(capsys, monkeypatch):
    text = shown(["restore", "--help"], capsys, monkeypatch, 100)
    listed = set(re.findall(r"^ .*?(--[\w-]+)", text, re.MULTILINE))
    marked = {flag.spelling.partition("/")[0] for flag in EVERY if flag.option.brief}
    assert listed == marked | {"--quiet", "--config", "--help-all"}
    assert all(" ".join(brief.split()) in " ".join(text.split()) for brief in BRIEF.values())


def test_all_options_are_in_help_all(capsys, monkeypatch):
    text = shown(["restore", "--help-all"], capsys, monkeypatch, 300)
    assert [flag.spelling for flag in EVERY if not re.search(rf"{flag.spelling.partition('/')[0]}(?![\w-])", text)] == []


def test_the_short_help_of_an_option_is_no_longer_than_the_whole():
    assert [flag.name for flag in EVERY if len(flag.option.brief) > 60] == []
