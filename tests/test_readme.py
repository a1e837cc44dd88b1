"""The README tells the truth about the command line: every knob with its default, commands that exist, the test command of CI."""

import re
from pathlib import Path

import pytest

from ttpo_cli.cli.app import program
from ttpo_cli.cli.options.stages import KNOBS, as_text

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("knob", KNOBS, ids=lambda knob: knob.name)
def test_every_knob_has_its_row_with_its_default(knob):
    default = as_text(knob.default)
    assert f"| `{knob.flag}` | {'none' if default == '' else default} |" in README


# Commands that have commands of their own.
GROUPS = ("train", "models", "bench", "picks")


def test_every_command_of_the_readme_exists(capsys):
    for command in sorted(set(re.findall(r"`ttpo ([a-z]+)[ `]", README))):
        assert program([command, "--help"]) == 0, command
    capsys.readouterr()


def test_every_flag_of_the_readme_exists(capsys):
    for text in re.findall(r"`ttpo ([^`]*)`", README):
        words = text.split()
        command = words[:2] if words[0] in GROUPS and not "".join(words[1:2]).startswith("-") else words[:1]
        rest = " ".join(words[len(command) :])
        assert program([*command, "--help"]) == 0, command
        known = capsys.readouterr().out
        for flag in re.findall(r"--[a-z-]+", rest):
            assert flag in known, f"{command} {flag}"


def test_ci_runs_the_test_command_of_the_readme_and_nothing_else():
    told = re.search(r"## Develop\n\n```\n(.*?)```", README, re.DOTALL)
    assert told is not None
    lines = [line.replace("--quiet ", "") for line in (ROOT / ".ci" / "run").read_text("utf-8").splitlines()]
    for command in told[1].splitlines():
        assert command in lines
