"""Options that several commands share and that are not part of the settings, and how their text is read."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.options.flags import FLAGS, RUN_FLAGS, name_files, names
from ttpo_cli.cli.terminal.console import Terminal
from ttpo_cli.errors import TtpoError
from ttpo_cli.settings.option import COMPUTE, FILES

Device = Annotated[str, FLAGS["device"].typer_option()]
Task = Annotated[str | None, FLAGS["task"].typer_option()]
Recursive = Annotated[bool, RUN_FLAGS["recursive"].typer_option()]
Overwrite = Annotated[bool, RUN_FLAGS["overwrite"].typer_option()]
MetricWeights = Annotated[list[str] | None, FLAGS["metric_files"].typer_option()]


def _forbid_network(wanted: bool) -> None:
    """Before anything that reads the environment on import is imported; children inherit it."""
    if wanted:
        os.environ["HF_HUB_OFFLINE"] = "1"


def _use_manifest(path: Path | None) -> None:
    if path is not None:
        os.environ["TTPO_MANIFEST"] = str(path.resolve())


def _use_threads(count: int | None) -> None:
    """Before torch is imported; children inherit it."""
    if count is not None:
        os.environ["OMP_NUM_THREADS"] = str(count)


Offline = Annotated[
    bool,
    typer.Option(
        "--offline",
        help="Never use the network (so does HF_HUB_OFFLINE=1).",
        callback=_forbid_network,
        is_eager=True,
        rich_help_panel=FILES,
    ),
]
Manifest = Annotated[
    Path | None,
    typer.Option(
        help="Weights that ttpo does not know, or other ones for a name (so does TTPO_MANIFEST).",
        callback=_use_manifest,
        is_eager=True,
        rich_help_panel=FILES,
    ),
]

Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="CPU threads of each process (so does OMP_NUM_THREADS); the same number gives the same bytes.",
        callback=_use_threads,
        is_eager=True,
        rich_help_panel=COMPUTE,
    ),
]


def metric_names(text: str, terminal: Terminal) -> tuple[str, ...]:
    """The metrics of "a,b", panels such as `paper` spelt out; what a large one will hold of the memory is said before it loads."""
    from ttpo_cli.metrics.large_models import memory_notice
    from ttpo_cli.metrics.paper import with_panels

    chosen = with_panels(names(text))
    for notice in filter(None, map(memory_notice, chosen)):
        terminal.say(notice)
    return chosen


def metric_files(given: list[str] | None) -> dict[str, Path]:
    """What --metric-weights names. Raises UsageError for another shape than NAME=FILE."""
    return name_files(given, FLAGS["metric_files"].spelling)


def listed(source: str | None) -> list[str]:
    """The photos that --files-from lists, one a line; blank lines left out. Raises TtpoError where the list cannot be read."""
    if source is None:
        return []
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TtpoError(f"--files-from '{source}' cannot be read ({error}): give a text file with one path a line") from error
    return [line for line in text.splitlines() if line.strip()]
