"""`ttpo options`: every option of `ttpo restore` in a line each, or one of them explained."""

from typing import Annotated

import typer

from ttpo_cli.cli.options.defaults import OPTIONS, variable
from ttpo_cli.cli.options.flags import Flag, as_text
from ttpo_cli.cli.options.values import expected, toml
from ttpo_cli.cli.terminal.console import write_line
from ttpo_cli.errors import unknown_name

_PAPER = "arXiv 2511.19169"


def options(
    name: Annotated[str | None, typer.Argument(help="One option, with or without its dashes.", show_default=False)] = None,
) -> None:
    """Explain an option of `ttpo restore`: what it does, which values it takes, its default, and what a paper says; or list all."""
    if name is not None:
        for line in _explained(_named(name)):
            write_line(line)
        return
    width = max(map(len, OPTIONS)) + 2
    for key, flag in OPTIONS.items():
        write_line(f"--{key:<{width}}{flag.option.help}")


def _named(name: str) -> Flag:
    """The option of a name in any of its spellings, former ones too. Raises UsageError for an unknown one."""
    asked = name.lstrip("-").replace("_", "-")
    for flag in OPTIONS.values():
        spellings = [*(one for text in flag.spellings for one in text.split("/")), *flag.option.aliases]
        if asked in [one.lstrip("-") for one in spellings]:
            return flag
    raise unknown_name("option", asked, OPTIONS, "ttpo options")


def _explained(flag: Flag) -> list[str]:
    """The lines about one option."""
    option, default = flag.option, as_text(flag.default, flag)
    lines = [", ".join(flag.spellings), f"  {option.help}", "", f"  values       {expected(flag)}"]
    lines.append(f"  default      {_default(default, flag)}")
    if option.paper:
        lines.append(f"  paper        {option.paper if 'arXiv' in option.paper else f'{option.paper} ({_PAPER})'}")
    if option.aliases:
        lines.append(f"  former name  {', '.join(option.aliases)}")
    if flag.default not in (None, ()) and flag.default != {}:
        lines.append(f"  in ttpo.toml {flag.key} = {toml(flag.default)}")
    else:
        lines.append(f"  in ttpo.toml {flag.key}")
    return [*lines, f"  environment  {variable(flag)}"]


def _default(default: object, flag: Flag) -> str:
    if isinstance(default, bool):
        return flag.spellings[0].split("/")[0 if default else -1] if "/" in flag.spelling else "on" if default else "off"
    return "none" if default in (None, "") else str(default)
