"""`ttpo config`: the defaults that hold for `ttpo restore`, and where each comes from."""

from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.options.defaults import OPTIONS, Own, own_defaults, unknown_variables, user_file
from ttpo_cli.cli.options.values import toml
from ttpo_cli.cli.terminal.console import SCHEMA_VERSION, Json, NoColor, Quiet, Terminal, counted, write_json, write_line


def config(
    file: Annotated[Path | None, typer.Option("--config", help="As of `ttpo restore --config`.", show_default=False)] = None,
    every: Annotated[bool, typer.Option("--all", help="Also the options that hold their defaults.")] = False,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Show which defaults hold for `ttpo restore`, and where each comes from, as lines of TOML that can be a ttpo.toml."""
    from ttpo_cli.report.record import jsonable

    terminal, own = Terminal(quiet, no_color=no_color), own_defaults(file)
    for name in unknown_variables():
        terminal.warn(f"{name} sets no option: `ttpo options` lists them")
    shown = {key: own.get(key) or Own(flag.default, "default") for key, flag in OPTIONS.items() if every or key in own}
    if json:
        values = {key: {"value": jsonable(one.value), "source": one.source} for key, one in shown.items()}
        write_json({"schema_version": SCHEMA_VERSION, "user_file": str(user_file()), "options": values})
    else:
        for key, one in shown.items():
            empty = one.value is None or one.value == ()
            write_line(f"{'# ' if empty else ''}{key} = {toml('' if one.value is None else one.value)}  # {one.source}")
        left = counted(len(OPTIONS) - len(own), "option")
        state = "is read" if user_file().is_file() else "is not there"
        terminal.say(f"{left} at the default{'' if every else ' (--all shows them)'}; your own file {state}: {user_file()}")
