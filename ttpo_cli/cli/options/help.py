"""The help of `ttpo restore` on one screen: a photographer's options, in plain text; --help-all shows every option."""

from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand

from ttpo_cli.cli.options.flags import FLAGS, RUN_FLAGS
from ttpo_cli.cli.terminal.console import write_line
from ttpo_cli.settings.option import COMPUTE, FILES, MODEL, SIZE

# A photographer's options: name -> the help in a few words.
BRIEF: dict[str, str] = {flag.name: flag.option.brief for flag in {**FLAGS, **RUN_FLAGS}.values() if flag.option.brief}
_OTHERS = {"quiet": "Nothing on stderr but warnings and errors.", "config": "A file with your defaults; `ttpo config` shows what holds."}
_OWN = "Settings and help"
_ORDER = (FILES, SIZE, MODEL, COMPUTE, _OWN)
_ALL = "ttpo.help_all"
# The widest that lines become.
SCREEN = {"max_content_width": 100}


class ScreenHelp(TyperCommand):
    """A command whose --help is short, and whose --help-all is what Typer makes of it."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help that was asked for into the formatter, or onto the screen."""
        if ctx.meta.get(_ALL):
            super().format_help(ctx, formatter)
            return
        formatter.write_usage(ctx.command_path, "[OPTIONS] [PHOTO]...")
        formatter.write_paragraph()
        formatter.write_text((self.help or "").strip().splitlines()[0])
        sections: dict[str, list[tuple[str, str]]] = {title: [] for title in _ORDER}
        for parameter in cast(list[Any], self.get_params(ctx)):
            if parameter.name in BRIEF:
                sections[parameter.rich_help_panel].append((_spelt(parameter), BRIEF[parameter.name]))
            elif parameter.name in _OTHERS:
                sections[_OWN].append((_spelt(parameter), _OTHERS[parameter.name]))
        sections[_OWN].append(("--help-all", "Every option; `ttpo options NAME` explains one."))
        widest = max(len(flags) for rows in sections.values() for flags, _ in rows)
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl([(f"{flags:<{widest}}", meaning) for flags, meaning in rows], col_max=widest)


def _spelt(parameter: Any) -> str:
    """How an option is typed, the short form first."""
    return ", ".join(sorted(parameter.opts, key=len)) + "".join(f"/{other}" for other in parameter.secondary_opts)


def _show_all(context: typer.Context, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        context.meta[_ALL] = True
        text = context.get_help()
        if text:
            write_line(text)
        raise typer.Exit


HelpAll = Annotated[
    bool,
    typer.Option(
        "--help-all", help="Show every option and exit.", callback=_show_all, is_eager=True, show_default=False, rich_help_panel="Terminal"
    ),
]
