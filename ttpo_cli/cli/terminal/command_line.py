"""The command that was given, as a line to paste, and the machine it ran on: what makes a table of numbers reproducible."""

import shlex
from typing import Any

import typer


def command_line(context: typer.Context, leave_out: frozenset[str] = frozenset()) -> str:
    """`ttpo eval ...` with every argument and option that was given, in the program's order, but those named in `leave_out`."""
    words = ["ttpo", context.info_name or ""]
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name in leave_out or source is None or source.name != "COMMANDLINE":
            continue
        words += _words(parameter, context.params[name])
    return shlex.join(words)


def _words(parameter: Any, value: Any) -> list[str]:
    """One parameter as it would be typed."""
    values = value if isinstance(value, (list, tuple)) else [value]
    if parameter.param_type_name == "argument":
        return [str(entry) for entry in values]
    if isinstance(value, bool):
        return [parameter.opts[0] if value else parameter.secondary_opts[0]]
    return [word for entry in values for word in (parameter.opts[0], str(entry))]
