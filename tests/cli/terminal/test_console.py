"""What a person sees goes to stderr, without tricks where there is no terminal."""

import pytest

from ttpo_cli.cli.terminal.console import Terminal


def speak(terminal):
    terminal.say("said")
    terminal.detail("detailed")
    terminal.warn("warned")
    terminal.error("erred")
    terminal.table("title", ["", "a"], [["row", "1"]])


@pytest.mark.parametrize(
    ("options", "heard", "unheard"),
    [
        ({}, ("said", "warned", "erred", "title"), ("detailed",)),
        ({"quiet": True}, ("warned", "erred"), ("said", "detailed", "title")),
        ({"verbose": True}, ("said", "detailed", "warned", "erred", "title"), ()),
    ],
)
def test_quiet_and_verbose(options, heard, unheard, capsys):
    speak(Terminal(**options))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert all(word in shown.err for word in heard) and not any(word in shown.err for word in unheard)


@pytest.mark.parametrize("quietened", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_none_is_wanted(quietened, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    speak(Terminal())
    assert "\x1b[31m" in capsys.readouterr().err
    for name, value in quietened.items():
        monkeypatch.setenv(name, value)
    speak(Terminal())
    assert "\x1b[31m" not in capsys.readouterr().err


def test_no_bar_moves_where_there_is_no_terminal(capsys):
    with Terminal().progress("photo") as on_step:
        on_step("stage", 1, 2)
    assert capsys.readouterr().err == ""


def test_brackets_are_text_not_markup(capsys):
    Terminal().say("[red]photo[/red].png [1]")
    assert capsys.readouterr().err == "[red]photo[/red].png [1]\n"


def test_a_wide_table_is_not_cut_where_there_is_no_terminal(capsys):
    Terminal().table("", ["", *("column" * 2 for _ in range(9))], [["row", *("value" * 2 for _ in range(9))]])
    assert "valuevalue" in capsys.readouterr().err
