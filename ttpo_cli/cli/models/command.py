"""`ttpo models`: what ttpo knows by name, and what of it is on this machine.

The arguments of all its commands stand here; `listing` and `stored` do the work.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.terminal.console import Json, NoColor, Quiet, Terminal
from ttpo_cli.errors import UsageError

models = typer.Typer(no_args_is_help=True, help="Checkpoints, priors and metric weights by name: list, fetch, verify, carry, convert.")

Names = Annotated[list[str], typer.Argument(metavar="NAME", help="Names of `ttpo models list`.", show_default=False)]


@models.command("list")
def list_models(
    role: Annotated[Literal["backbone", "prior", "metric", "face"] | None, typer.Option(help="Only these.", show_default=False)] = None,
    task: options.Task = None,
    scale: Annotated[int | None, typer.Option(min=1, help="Only what enlarges by this.", show_default=False)] = None,
    here: Annotated[bool, typer.Option("--here", help="Only what is on this machine.")] = False,
    manifest: options.Manifest = None,
    json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table of docs/guide/models.md.")] = False,
) -> None:
    """List what ttpo knows by name: task, scale, licence, size, and whether a published hash verifies it."""
    if json and markdown:
        raise UsageError("--json and --markdown: choose one")
    from ttpo_cli.cli.models import listing

    entries, store = listing.selected(role, task, scale, here=here)
    listing.write_models(entries, store, json=json, markdown=markdown)


@models.command()
def info(
    name: Annotated[str, typer.Argument(help="A name or an alias of `ttpo models list`, or a family such as swinir.")],
    manifest: options.Manifest = None,
    json: Json = False,
) -> None:
    """Everything known of one model, or of each that a family's name could mean, the one it means without --task and --scale first."""
    from ttpo_cli.cli.models import listing

    listing.write_facts(name, json=json)


@models.command()
def fetch(
    names: Names,
    task: options.Task = None,
    scale: Annotated[int | None, typer.Option(min=1, help="For the name of a family: what it enlarges by.", show_default=False)] = None,
    offline: options.Offline = False,
    manifest: options.Manifest = None,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Download and verify; what is here and whole is left alone. Prints where each lies."""
    from ttpo_cli.cli.models import stored

    stored.fetch(names, task, scale, Terminal(quiet, no_color=no_color))


@models.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Without: all that is here.", show_default=False)] = None,
    manifest: options.Manifest = None,
    no_color: NoColor = False,
) -> None:
    """Hash every byte. Prints a line a model; exit code 3 where one is missing or not what it should be."""
    from ttpo_cli.cli.models import stored

    stored.verify(names or (), Terminal(no_color=no_color))


@models.command()
def remove(
    names: Names,
    forget: Annotated[bool, typer.Option("--forget", help="Also the recorded hash of a file without a published one.")] = False,
    manifest: options.Manifest = None,
) -> None:
    """Delete from this machine what ttpo fetched, the hub's cache included."""
    from ttpo_cli.cli.models import stored

    stored.remove(names, forget=forget)


@models.command()
def bundle(
    names: Names,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder; on the other machine, TTPO_HOME names it.")],
    offline: options.Offline = False,
    manifest: options.Manifest = None,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Copy models, fetched where they are missing, into a folder that serves a machine without a network."""
    from ttpo_cli.cli.models import stored

    stored.bundle(names, output, Terminal(quiet, no_color=no_color))


@models.command()
def convert(
    file: Annotated[Path, typer.Argument(help="A .safetensors file with network, autoencoder and text encoders.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to make; then `--prior FOLDER`.")],
    like: Annotated[
        str | None,
        typer.Option(
            help="What it was made from: a name of `ttpo models list --role prior`, or a folder in diffusers layout; guessed without.",
            show_default=False,
        ),
    ] = None,
    offline: options.Offline = False,
    manifest: options.Manifest = None,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Make a folder in diffusers layout of a model in one file. Of a model by name only the configurations are fetched, a few megabytes."""
    from ttpo_cli.cli.models import stored

    stored.convert(file, like, output, Terminal(quiet, no_color=no_color))
