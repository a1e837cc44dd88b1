"""`ttpo bench folder`: what a folder run saves over a loop of single calls on this machine."""

import shlex
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from ttpo_cli.cli.terminal.console import SCHEMA_VERSION, NoColor, Quiet, Terminal, counted, write_json
from ttpo_cli.errors import TtpoError

_PROGRAM = (sys.executable, "-c", "from ttpo_cli.cli.app import main; main()")


def bench_folder(
    folder: Annotated[Path, typer.Argument(help="Photos, from which squares are cut.", show_default=False)],
    photos: Annotated[int, typer.Option(min=1, help="How many squares.")] = 50,
    side: Annotated[int, typer.Option(min=16, help="Of a square, pixels.")] = 48,
    workers: Annotated[int, typer.Option(min=1, help="Also by so many worker processes.")] = 1,
    executor: Annotated[Literal["local", "ray"], typer.Option(help="ray: also by so many workers of a Ray cluster.")] = "local",
    options: Annotated[str, typer.Option(help="Of `ttpo restore`, as one text.", metavar="'--NAME ..'")] = "",
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Restore the same squares by a call each and by folder runs; seconds of each. JSON on stdout, a table on stderr."""
    from ttpo_cli.benchmarks.folder import make_crops, time_ways
    from ttpo_cli.folder.plan import photos_in
    from ttpo_cli.report.provenance import describe_machine

    terminal = Terminal(quiet, no_color=no_color)
    restore = [*_PROGRAM, "restore", "-q", *shlex.split(options)]
    ways = {"one folder run": [], **_shared_out(workers, executor)}
    with tempfile.TemporaryDirectory() as place, terminal.progress("bench") as on_step:
        crops = make_crops(photos_in(folder, recursive=True), Path(place) / "squares", photos, side)
        timings, same = time_ways(crops, Path(place), restore, ways, on_step)
    if not same:
        raise TtpoError("a folder run made other pictures than the single calls: please report this")
    first = timings[0].seconds
    rows = [[one.way, str(one.processes), f"{one.seconds:.1f}", f"{one.cpu_seconds:.1f}", f"{first / one.seconds:.2f}"] for one in timings]
    columns = ["way", "processes", "seconds", "CPU seconds", "times as fast"]
    terminal.table(f"{counted(photos, 'photo')} of {side}x{side}, the same bytes", columns, rows)
    made = {"photos": photos, "side": side, "workers": workers, "executor": executor, "options": options}
    write_json({"schema_version": SCHEMA_VERSION, **made, "machine": describe_machine(), "ways": [asdict(one) for one in timings]})


def _shared_out(workers: int, executor: str) -> dict[str, list[str]]:
    """The folder runs by several workers, and their options."""
    several = ["--workers", str(workers)]
    ways = {f"{workers} worker processes": several} if workers > 1 else {}
    return ways if executor == "local" else {**ways, f"{workers} workers of Ray": ["--executor", "ray", *several]}
