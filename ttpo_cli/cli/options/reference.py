"""docs/reference/options.md, made from the flags of `ttpo restore`: `python -m ttpo_cli.cli.options.reference` prints it."""

import inspect
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from typer.models import OptionInfo

from ttpo_cli.cli.restore.command import restore
from ttpo_cli.cli.terminal.console import write_line

_HEAD = """# Options

Every option of `ttpo restore`. `ttpo bench` and `ttpo eval` take those of the stages too, and `ttpo invert` those of the prior.

An option whose default is `on` or `off` takes one of these words. Lists are separated by commas.

This page is made from the code. After a change of an option, make it again:

```
python -m ttpo_cli.cli.options.reference > docs/reference/options.md
```
"""
_TABLE = "| Option | Default | Meaning |\n|---|---|---|"


def reference_page() -> str:
    """The page: a table for each panel of --help, in its order."""
    panels: dict[str, list[str]] = {}
    for panel, row in _rows():
        panels.setdefault(panel, []).append(row)
    tables = ["\n".join([f"## {panel}", "", _TABLE, *rows]) for panel, rows in panels.items()]
    return "\n\n".join([_HEAD.rstrip(), *tables]) + "\n"


def _rows() -> Iterator[tuple[str, str]]:
    """(panel, row of its table) for every option that is not hidden."""
    for name, parameter in inspect.signature(restore).parameters.items():
        kind, info = (*get_args(parameter.annotation), None, None)[:2]
        if isinstance(info, OptionInfo) and not info.hidden:
            # In Annotated, Typer keeps the first spelling where a default would stand.
            given = [one for one in (info.default, *(info.param_decls or ())) if isinstance(one, str)]
            flags = [flag for spelling in given for flag in spelling.split("/")] or [f"--{name.replace('_', '-')}"]
            cells = (", ".join(map(_code, flags)), _default(parameter.default, flags[0]), _meaning(kind, info))
            yield info.rich_help_panel or "", "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(value: Any, flag: str) -> str:
    """The default as one types it; nothing for an option that is left out, or a switch that is off."""
    if value is None or value is False or value == "":
        return ""
    return _code(flag if value is True else str(value))


def _meaning(kind: Any, info: OptionInfo) -> str:
    """The help, and the words that an option takes."""
    words = get_args(kind) if get_origin(kind) is Literal else ()
    listed = f" One of {', '.join(map(_code, words))}." if words and words != ("on", "off") else ""
    return (info.help or "") + listed


def _code(text: str) -> str:
    return f"`{text}`"


if __name__ == "__main__":
    write_line(reference_page().rstrip("\n"))
