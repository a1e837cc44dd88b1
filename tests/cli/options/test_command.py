"""`ttpo options` explains every option: values, default, paper, and how else it is set."""

import pytest

from ttpo_cli.cli.app import program
from ttpo_cli.cli.options.defaults import OPTIONS


def explained(name, capsys):
    code = program(["options", name])
    return code, capsys.readouterr()


def test_an_option_is_explained_with_its_range_default_paper_and_names(capsys):
    code, shown = explained("guidance-steps", capsys)
    assert code == 0
    facts = {line[:15].strip(): line[15:] for line in shown.out.splitlines()[3:]}
    assert facts == {
        "values": "a whole number from 1",
        "default": "8",
        "paper": "50 (arXiv 2511.19169)",
        "in ttpo.toml": "guidance-steps = 8",
        "environment": "TTPO_GUIDANCE_STEPS",
    }


@pytest.mark.parametrize("name", ["--quality", "quality", "-o", "--output", "no-ttpo", "--guidance-step", "guidance_update"])
def test_every_spelling_finds_its_option(name, capsys):
    assert explained(name, capsys)[0] == 0


@pytest.mark.parametrize("key", OPTIONS)
def test_every_option_can_be_explained(key, capsys):
    code, shown = explained(key, capsys)
    assert code == 0 and OPTIONS[key].option.help in shown.out


def test_an_unknown_option_is_an_error_with_the_nearest_name(capsys):
    code, shown = explained("--qualty", capsys)
    assert code == 2 and shown.out == ""
    assert "unknown option 'qualty': did you mean quality" in shown.err and "`ttpo options`" in shown.err


def test_the_list_has_a_line_for_each_option(capsys):
    assert program(["options"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [f"--{key}" for key in OPTIONS]
