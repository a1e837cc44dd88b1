"""What `ttpo models fetch`, `verify`, `remove`, `bundle` and `convert` do: what is on this machine, and what goes to another."""

from collections.abc import Iterable
from pathlib import Path

import typer

from ttpo_cli.cli.terminal.console import Terminal, write_line
from ttpo_cli.cli.terminal.downloads import opened_store
from ttpo_cli.diffusion.priors import single_file
from ttpo_cli.diffusion.priors.catalog import named
from ttpo_cli.errors import TtpoError, UsageError, WeightsError
from ttpo_cli.weights.bundle import bundle as make_bundle
from ttpo_cli.weights.entry import ManifestEntry
from ttpo_cli.weights.family import find_entry
from ttpo_cli.weights.store import Store, open_store


def fetch(names: Iterable[str], task: str | None, scale: int | None, terminal: Terminal) -> None:
    """Fetch each and print where it lies; one that fails does not stop the others. Exits with the code of the first failure."""
    failed = []
    with opened_store(terminal) as store:
        for entry in [find_entry(store.entries, name, task=task, scale=scale) for name in names]:
            try:
                write_line(str(store.fetch(entry.name)))
                if entry.package is not None:
                    terminal.say(f"{entry.name} comes with the package {entry.package.distribution}: nothing to download")
            except TtpoError as error:
                terminal.error(str(error))
                failed.append(error)
            if entry.commercial_use is False:
                terminal.warn(f"{entry.name} is not for commercial use: {entry.licence}")
    if failed:
        raise typer.Exit(failed[0].exit_code)


def verify(names: Iterable[str], terminal: Terminal) -> None:
    """Print a state for each, or for all that is here; exits with 3 unless all are verified."""
    store = open_store()
    entries = _entries(store, names) or [entry for entry in store.entries.values() if store.is_here(entry)]
    wrong = False
    for entry in entries:
        try:
            state = "verified" if store.verify(entry.name) else "not here"
        except WeightsError as error:
            terminal.error(str(error))
            state = "wrong"
        wrong = wrong or state != "verified"
        write_line(f"{entry.name}\t{state}")
    if wrong:
        raise typer.Exit(WeightsError.exit_code)


def remove(names: Iterable[str], *, forget: bool) -> None:
    """Delete each and print whether there was anything to delete."""
    store = open_store()
    for entry in _entries(store, names):
        removed = store.remove(entry.name, forget=forget)
        write_line(f"{entry.name}\t{'removed' if removed else 'not here'}")


def bundle(names: Iterable[str], output: Path, terminal: Terminal) -> None:
    """Copy each into the folder `output`, and print its path."""
    with opened_store(terminal) as store:
        copied = make_bundle(store, [entry.name for entry in _entries(store, names)], output)
    terminal.say(f"carry this folder to the other machine, set TTPO_HOME to it there, and give --offline: {', '.join(copied)}")
    write_line(str(output.resolve()))


def convert(file: Path, like: str | None, output: Path, terminal: Terminal) -> None:
    """Make the folder `output` from a model in one file, and print its path. like: a name, a folder, or None to guess."""
    if like is None:
        like = single_file.prior_like(file)
        if like is None:
            raise UsageError(f"'{file}' is of a kind that cannot be guessed: name the model it was made from with --like")
        terminal.say(f"{file.name} is taken for a {like}; if it was made from another model, name that with --like")
    with opened_store(terminal) as store:
        folder = Path(like) if Path(like).is_dir() else store.settings(named(like, store).name)
    made = single_file.convert(file, folder, output)
    terminal.say(f"{made.pipeline}: use it with --prior {output}")
    write_line(str(output.resolve()))


def _entries(store: Store, names: Iterable[str]) -> list[ManifestEntry]:
    return [find_entry(store.entries, name) for name in names]
