"""`ttpo models convert`: a text-to-image model that came as one file, as a folder that `--prior` reads."""

from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.terminal.console import NoColor, Quiet, Terminal, write_line
from ttpo_cli.cli.terminal.downloads import opened_store
from ttpo_cli.errors import UsageError


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
    from ttpo_cli.diffusion.priors import single_file
    from ttpo_cli.diffusion.priors.catalog import named

    terminal = Terminal(quiet, no_color=no_color)
    if like is None:
        like = single_file.prior_like(file)
        if like is None:
            raise UsageError(f"'{file}' is of no kind that can be guessed: name the model it was made from with --like")
        terminal.say(f"{file.name} is taken for a {like}; if it was made from another model, name that with --like")
    with opened_store(terminal) as store:
        folder = Path(like) if Path(like).is_dir() else store.settings(named(like, store).name)
    made = single_file.convert(file, folder, output)
    terminal.say(f"{made.pipeline}: use it with --prior {output}")
    write_line(str(output.resolve()))
