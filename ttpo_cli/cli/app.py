"""The program `ttpo`: its commands, and the one place where an error becomes a line on stderr and an exit code."""

import atexit
import logging
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import Annotated

import typer

from ttpo_cli import __version__
from ttpo_cli.cli.bench.folder import bench_folder
from ttpo_cli.cli.bench.inspect import bench_inspect
from ttpo_cli.cli.bench.lfc import bench_lfc
from ttpo_cli.cli.bench.lrpo import bench_lrpo
from ttpo_cli.cli.bench.stages import bench
from ttpo_cli.cli.config import config
from ttpo_cli.cli.degrade import degrade
from ttpo_cli.cli.doctor import doctor
from ttpo_cli.cli.evaluate import evaluate
from ttpo_cli.cli.inspect import inspect
from ttpo_cli.cli.invert import invert
from ttpo_cli.cli.models.command import models
from ttpo_cli.cli.options.command import options
from ttpo_cli.cli.options.help import SCREEN, ScreenHelp
from ttpo_cli.cli.picks.command import picks
from ttpo_cli.cli.picks.page import pick
from ttpo_cli.cli.replay import replay
from ttpo_cli.cli.report import report
from ttpo_cli.cli.restore.command import restore
from ttpo_cli.cli.score import score
from ttpo_cli.cli.terminal.console import Terminal, write_line
from ttpo_cli.cli.terminal.errors import foreseen
from ttpo_cli.cli.train.command import train
from ttpo_cli.errors import TtpoError

INTERRUPTED = 130
_EXAMPLES = """Restore a photo, a folder, or choose the best of several versions yourself:

  ttpo restore photo.jpg            writes photo_ttpo.jpg; the photo itself stays as it is
  ttpo restore album --recursive    writes album_ttpo/; run it again to continue
  ttpo restore photo.jpg --report before_after.html

`ttpo restore --help` lists the options, `ttpo --help` the other commands."""
TERMINATED = 143

app = typer.Typer(
    name="ttpo",
    help="Restore photos with any checkpoint, then let preferences guide a diffusion prior towards what people like better.",
    epilog="Exit codes: 0 well, 1 a photo failed, 2 bad arguments, 3 weights missing, 4 no memory, 5 guard refused (--strict), 130 Ctrl-C.",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command(cls=ScreenHelp, context_settings=SCREEN)(restore)
for _command in (pick, report, replay, score, inspect, degrade, invert, config, doctor):
    app.command()(_command)
app.command(context_settings={"ignore_unknown_options": True})(options)
benches = typer.Typer(invoke_without_command=True, callback=bench)
benches.command("lfc")(bench_lfc)
benches.command("lrpo")(bench_lrpo)
benches.command("folder")(bench_folder)
benches.command("inspect")(bench_inspect)
app.command("eval")(evaluate)
app.add_typer(benches, name="bench")
app.add_typer(models, name="models")
app.add_typer(picks, name="picks")
app.add_typer(train, name="train")


def _print_version(wanted: bool) -> None:
    if wanted:
        write_line(f"ttpo {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version.", callback=_print_version, is_eager=True)] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error (so does TTPO_DEBUG=1).")] = False,
) -> None:
    if debug:
        os.environ["TTPO_DEBUG"] = "1"
    if context.invoked_subcommand is None:
        write_line(_EXAMPLES)


def program(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code: usage errors 2, a TtpoError its own, Ctrl-C 130, a closed pipe quietly 1."""
    # Where pyiqa brings bitsandbytes along, it complains on import about kernels that nothing here uses.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    try:
        app(args=arguments, prog_name="ttpo")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the outermost handler: whatever is left becomes one line and an exit code
        return _report(error)
    return 0


def main() -> None:
    """The console script."""
    signal.signal(signal.SIGTERM, _terminate)
    _leave(program())


def _leave(code: int) -> None:
    """End the process with its exit handlers run and its streams flushed, but without freeing object by object what the system frees at
    once: with torch loaded that takes longer than a second."""
    atexit._run_exitfuncs()
    with suppress(OSError):  # a reader that has gone was noticed where it mattered
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _terminate(number: int, frame: FrameType | None) -> None:
    """A polite kill unwinds like Ctrl-C, so that no temporary file stays behind."""
    sys.exit(TERMINATED)


def _report(error: Exception) -> int:
    if os.environ.get("TTPO_DEBUG", "0") not in ("", "0"):
        traceback.print_exception(error)
    unforeseen = (f"{type(error).__name__}: {error} (not foreseen: TTPO_DEBUG=1 shows where; please report it)", TtpoError.exit_code)
    line, exit_code = foreseen(error) or unforeseen
    Terminal().error(line)
    return exit_code
