"""`ttpo train`: one command a method, each in its own file, and what is done with their runs."""

from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.terminal.console import write_line
from ttpo_cli.cli.train.lfc import lfc
from ttpo_cli.cli.train.lrpo import lrpo, nft
from ttpo_cli.cli.train.niqe import niqe
from ttpo_cli.cli.train.plane import plane
from ttpo_cli.cli.train.plot import plot
from ttpo_cli.cli.train.policies import policies
from ttpo_cli.cli.train.prior import prior
from ttpo_cli.cli.train.ranker import ranker


def embed(
    name: Annotated[str, typer.Argument(help="lfc-sr-small-x4, haar-prior, ranker or niqe-pristine.")],
    file: Annotated[Path, typer.Argument(help="The safetensors file a training wrote.")],
    trained_by: Annotated[str, typer.Option(help="The command and the photos behind it, for the manifest.")],
) -> None:
    """Copy a trained file into the package and write its size and SHA-256 into weights_manifest.yaml."""
    from ttpo_cli.weights.embedding import update_manifest_entry

    entry = update_manifest_entry(name, file, trained_by=trained_by)
    write_line(f"{entry.file}: {entry.bytes} bytes, sha256 {entry.sha256}")


train = typer.Typer(no_args_is_help=True, help="Train the embedded networks again, or on photos of your own.")

for _command in (lfc, lrpo, nft, prior, ranker, niqe, plot, plane, policies, embed):
    train.command()(_command)
