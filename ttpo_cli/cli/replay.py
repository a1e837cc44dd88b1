"""`ttpo replay`: the restoration that a sidecar records, done again, and whether it gives the same pixels."""

from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.terminal.console import SCHEMA_VERSION, Json, NoColor, Quiet, Terminal, write_json, write_line
from ttpo_cli.cli.terminal.downloads import opened_store
from ttpo_cli.errors import TtpoError


def replay(
    sidecar: Annotated[Path, typer.Argument(help="OUTPUT.ttpo.json, as `ttpo restore` writes it.", show_default=False)],
    photo: Annotated[Path | None, typer.Option(help="The photo, where it is no longer at the place that the sidecar names.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the picture here too.")] = None,
    overwrite: options.Overwrite = False,
    offline: options.Offline = False,
    manifest: options.Manifest = None,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Repeat a restoration and compare: the same pixels, or what differs (weights, versions, device, machine). Exit 1 where they differ."""
    from ttpo_cli.imaging.atomic import atomic_write, check_target
    from ttpo_cli.report import repetition

    terminal = Terminal(quiet, no_color=no_color)
    record = repetition.read_record(sidecar)
    source = repetition.source_of(record, photo, sidecar)
    if output is not None:
        check_target(output, overwrite=overwrite)
    with opened_store(terminal) as store:
        engine = repetition.load_engine_of(record, store)
    with terminal.progress(source.name) as on_step:
        repeated = repetition.repeat(record, source, engine, on_step)
    if output is not None:
        atomic_write(output, repeated.encoded.data, overwrite)
    for line in repeated.differences:
        terminal.say(line)
    terminal.say(f"{sidecar.name}: {repeated.verdict}")
    if json:
        hashes = {"then": record["pixels_sha256"], "now": repeated.encoded.pixels_sha256}
        write_json({"schema_version": SCHEMA_VERSION, "same": repeated.same, "pixels_sha256": hashes, "differences": repeated.differences})
    elif output is not None:
        write_line(str(output.resolve()))
    raise typer.Exit(0 if repeated.same else TtpoError.exit_code)
