"""`ttpo models fetch`, `verify`, `remove` and `bundle`: what is on this machine, and what goes to another."""

from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.terminal.console import NoColor, Quiet, Terminal, write_line
from ttpo_cli.cli.terminal.downloads import opened_store
from ttpo_cli.errors import TtpoError, WeightsError

Names = Annotated[list[str], typer.Argument(metavar="NAME", help="Names of `ttpo models list`.", show_default=False)]

Scale = Annotated[int | None, typer.Option(min=1, help="For the name of a family: what it enlarges by.", show_default=False)]


def fetch(
    names: Names,
    task: options.Task = None,
    scale: Scale = None,
    offline: options.Offline = False,
    manifest: options.Manifest = None,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Download and verify; what is here and whole is left alone. Prints where each lies."""
    from ttpo_cli.weights.family import meant

    terminal = Terminal(quiet, no_color=no_color)
    failed = []
    with opened_store(terminal) as store:
        entries = [meant(store.entries, name, task=task, scale=scale) for name in names]
        for entry in entries:
            try:
                write_line(str(store.fetch(entry.name)))
            except TtpoError as error:
                terminal.error(str(error))
                failed.append(error)
            if entry.commercial_use is False:
                terminal.warn(f"{entry.name} is not for commercial use: {entry.licence}")
    if failed:
        raise typer.Exit(failed[0].exit_code)


def verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Without: all that is here.", show_default=False)] = None,
    manifest: options.Manifest = None,
    no_color: NoColor = False,
) -> None:
    """Hash every byte. Prints a line a model; exit code 3 where one is missing or not what it should be."""
    from ttpo_cli.weights.family import meant
    from ttpo_cli.weights.store import open_store

    terminal, store = Terminal(no_color=no_color), open_store()
    chosen = [meant(store.entries, name) for name in names or ()] or [entry for entry in store.entries.values() if store.is_here(entry)]
    wrong = False
    for entry in chosen:
        try:
            state = "verified" if store.verify(entry.name) else "not here"
        except WeightsError as error:
            terminal.error(str(error))
            state = "wrong"
        wrong = wrong or state != "verified"
        write_line(f"{entry.name}\t{state}")
    if wrong:
        raise typer.Exit(WeightsError.exit_code)


def remove(
    names: Names,
    forget: Annotated[bool, typer.Option("--forget", help="Also the recorded hash of a file without a published one.")] = False,
    manifest: options.Manifest = None,
) -> None:
    """Delete from this machine what ttpo fetched, the hub's cache included."""
    from ttpo_cli.weights.family import meant
    from ttpo_cli.weights.store import open_store

    store = open_store()
    for entry in [meant(store.entries, name) for name in names]:
        removed = store.remove(entry.name, forget=forget)
        write_line(f"{entry.name}\t{'removed' if removed else 'not here'}")


def bundle(
    names: Names,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder; on the other machine, TTPO_HOME names it.")],
    offline: options.Offline = False,
    manifest: options.Manifest = None,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Copy models, fetched where they are missing, into a folder that serves a machine without a network."""
    from ttpo_cli.weights.bundle import bundle as make_bundle
    from ttpo_cli.weights.family import meant

    terminal = Terminal(quiet, no_color=no_color)
    with opened_store(terminal) as store:
        copied = make_bundle(store, [meant(store.entries, name).name for name in names], output)
    terminal.say(f"carry this folder to the other machine, set TTPO_HOME to it there, and give --offline: {', '.join(copied)}")
    write_line(str(output.resolve()))
