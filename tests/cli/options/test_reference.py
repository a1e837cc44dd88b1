"""docs/reference/options.md is what the flags say."""

import re
from pathlib import Path

import typer

from ttpo_cli.cli.app import app
from ttpo_cli.cli.options.reference import reference_page

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "options.md"


def test_the_reference_page_is_up_to_date():
    assert PAGE.read_text("utf-8") == reference_page()


def test_the_reference_page_has_every_flag_of_restore_once():
    command = typer.main.get_command(app).commands["restore"]
    context = command.make_context("restore", [], resilient_parsing=True)
    shown = [one for one in command.get_params(context) if one.param_type_name == "option" and not one.hidden and one.name != "help"]
    wanted = sorted(flag for one in shown for flag in (*one.opts, *one.secondary_opts))
    listed = [cell for line in PAGE.read_text("utf-8").splitlines() for cell in re.findall(r"^\| (`-.*?`) \|", line)]
    assert sorted(flag for cell in listed for flag in re.findall(r"`(.*?)`", cell)) == wanted
