"""`ttpo pick OUT`: a web page to choose among the candidates of `ttpo restore --select later`, by keyboard, mouse or touch."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.terminal.console import NoColor, Quiet, Terminal
from ttpo_cli.errors import TtpoError, UsageError


def pick(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="Output folder of `ttpo restore --select later`.", show_default=False)],
    host: Annotated[str, typer.Option("--host", help="Address to listen on; 0.0.0.0: all, so that a phone can reach it.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0: any that is free.")] = 0,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """A web page to pick on: candidates side by side or under a slider. Needs the extra: pip install 'ttpo\\[pick]'.

    The page's address is written to standard output; it has a token, without which nothing is shown. What is picked is what
    `ttpo picks add` writes, so the next `ttpo restore ... --select later` finishes it. Ctrl-C ends the page, with exit code 0.
    """
    terminal = Terminal(quiet, no_color=no_color)
    left, total = _count(folder)
    _check_extra()
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read while Gradio is imported
    from ttpo_cli.cli.picks.serve import serve

    serve(folder, host, port, open_browser, f"{left} of {total} photos wait for a pick; Ctrl-C ends the page", terminal)
    left, total = _count(folder)
    terminal.say(f"{total - left} of {total} photos are picked: the next `ttpo restore ... -o {folder} --select later` finishes them")


def _count(folder: Path) -> tuple[int, int]:
    """(photos that wait for a pick, those and the picked ones).

    Raises UsageError where this is not a folder, TtpoError where it has nothing to pick from.
    """
    from ttpo_cli.pick_page.pending import Backlog

    if not folder.is_dir():
        raise UsageError(f"'{folder}' is not a folder: give the output folder of `ttpo restore ... --select later`")
    photos = Backlog(folder).photos()
    if not photos:
        raise TtpoError(f"'{folder}' has no candidates to pick from: `ttpo restore PHOTOS -o {folder} --select later` makes them")
    return sum(photo.pair is None for photo in photos), len(photos)


def _check_extra() -> None:
    if find_spec("gradio") is None:
        raise UsageError("the page of `ttpo pick` needs Gradio: pip install 'ttpo[pick]' (or pick with `ttpo picks add`)")
